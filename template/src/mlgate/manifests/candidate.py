"""One pod of a release beside what serves: it has everything but a Service, so it can be examined before it counts."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

COMPONENT = "app.kubernetes.io/component"


def candidate(deployment: dict[str, Any]) -> dict[str, Any]:
    """The Deployment with one replica, a name of its own, and labels that no Service or autoscaler selects."""
    alone = copy.deepcopy(deployment)
    alone["metadata"]["name"] += "-candidate"
    alone["spec"].update(replicas=1, strategy={"type": "Recreate"}, revisionHistoryLimit=0)
    places = (alone["metadata"].setdefault("labels", {}), alone["spec"]["selector"]["matchLabels"])
    for labels in (*places, alone["spec"]["template"]["metadata"]["labels"]):
        labels[COMPONENT] = "candidate"
    return alone


def secrets(workload: dict[str, Any]) -> list[str]:
    """Names of the secrets without which its pods do not start."""
    pod = workload["spec"]["template"]["spec"]
    return sorted(set(_required(pod)))


def _required(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _required(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in ("secretKeyRef", "secretRef") and not inner.get("optional"):
                yield inner["name"]
            elif key == "secret" and "secretName" in inner and not inner.get("optional"):
                yield inner["secretName"]
            else:
                yield from _required(inner)
