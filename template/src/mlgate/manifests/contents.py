"""What manifests must show before they are committed: one release, its image by digest, and no image by a tag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from mlgate.errors import ConfigError
from mlgate.manifests.identity import RELEASE
from mlgate.packing.release import Release

CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
WORKLOADS = ("Deployment", "Rollout")


def documents(text: str | bytes) -> list[dict[str, Any]]:
    """The objects in rendered manifests, read as plain values; ConfigError where that is not what they are."""
    try:
        found = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise ConfigError(f"the manifests are no YAML: {error}", "render them anew with `mlgate deploy`") from error
    if not all(isinstance(document, dict) and document.get("kind") for document in found):
        raise ConfigError("the manifests hold something that is no object", "render them anew with `mlgate deploy`")
    return found


def images(value: Any) -> Iterator[str]:
    """The image of every container, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in CONTAINERS and isinstance(inner, list):
                yield from (str(container.get("image", "")) for container in inner if isinstance(container, dict))
            yield from images(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from images(inner)


def workload(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The one object whose pods are the service."""
    those = [document for document in found if document["kind"] in WORKLOADS]
    if len(those) != 1:
        message = f"deploy/ renders {len(those)} of {' and '.join(WORKLOADS)}, and there must be one"
        raise ConfigError(message, "keep one of them in the overlay")
    return those[0]


def release_of(found: list[dict[str, Any]]) -> str:
    """The digest of the release that the manifests are for, or empty."""
    template = workload(found).get("spec", {}).get("template", {}).get("metadata", {})
    return str(template.get("annotations", {}).get(RELEASE, ""))


def examine(text: str, release: Release) -> None:
    """ConfigError if an image is not named by digest, or the service's is not the release's."""
    found = documents(text)
    loose = sorted({image for document in found for image in images(document) if "@sha256:" not in image})
    if loose:
        message = f"deploy/ names an image without its digest: {', '.join(loose)}"
        raise ConfigError(message, "write NAME@sha256:…, so that it is the same tomorrow")
    if release.container not in images(workload(found)):
        message = "deploy/ renders no container of this release"
        raise ConfigError(message, "keep `image: model` in the container of deploy/base/deployment.yaml")
    if release_of(found) != release.image:
        raise ConfigError("deploy/ overwrites the annotation of the release", f"remove {RELEASE} from deploy/")
