"""Two images of one commit: the same layers, or which of them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def layers(inspected: Mapping[str, Any]) -> list[str]:
    """The digests of an image's layers, the base's first; of what an engine or an OCI configuration says of it."""
    for told in (inspected, inspected.get("OCIv1") or {}):  # buildah has the configuration as a part
        for name, part in (("RootFS", "Layers"), ("rootfs", "diff_ids")):
            if found := (told.get(name) or {}).get(part):
                return [str(digest) for digest in found]
    return []


def differences(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """A sentence for each layer that is not the same in both; none where the images hold the same files."""
    if not one or not other:
        return ["an image without layers can't be compared"]
    said = [
        f"layer {number} of {len(one)}: {left[:19]}… and {right[:19]}…"
        for number, (left, right) in enumerate(zip(one, other, strict=False), 1)
        if left != right
    ]
    return said + ([f"{len(one)} and {len(other)} layers"] if len(one) != len(other) else [])
