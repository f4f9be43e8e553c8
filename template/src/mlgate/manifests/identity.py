"""How Kubernetes is told which release this is: names, labels and annotations, in the one place that decides them."""

from __future__ import annotations

import hashlib
from typing import Any

from mlgate.packing.release import Release

MANIFESTS = "manifests.yaml"
LONGEST = 63 - len("-production")  # a namespace is a DNS label
INSTANCE, NAME, VERSION = (f"app.kubernetes.io/{word}" for word in ("instance", "name", "version"))
RELEASE = "mlgate/release"  # the annotation by which a running pod says which release it is


def prefix_of(slug: str) -> str:
    """The slug, shortened to what names in Kubernetes have room for; two long slugs do not become one."""
    if len(slug) <= LONGEST:
        return slug
    return f"{slug[: LONGEST - 9].rstrip('-')}-{hashlib.sha256(slug.encode()).hexdigest()[:8]}"


def namespace_of(slug: str, environment: str) -> str:
    return f"{prefix_of(slug)}-{environment}"


def origin(release: Release) -> dict[str, str]:
    """What a pod says about where it is from: from a running one, back to the data, the code and the model."""
    return {
        RELEASE: release.image,
        "mlgate/data": release.data_digest,
        "mlgate/model": release.model_digest,
        "mlgate/commit": release.source_commit,
    }


def kustomization(slug: str, environment: str, release: Release, stable: Release) -> dict[str, Any]:
    """The topmost kustomization: the environment's overlay, with the names, the image and the release filled in.

    `stable` is the release that served before; it is `release` itself where there is none.
    """
    repository, _, digest = release.container.partition("@")
    same = {NAME: prefix_of(slug), INSTANCE: environment}
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"deploy/overlays/{environment}"],
        "namespace": namespace_of(slug, environment),
        "namePrefix": f"{prefix_of(slug)}-",
        "labels": [{"pairs": same, "includeSelectors": True, "fields": _fields()}],
        "images": [{"name": "model", "newName": repository, "digest": digest}],
        "patches": [_workload(release), _canary(release, stable)],
    }


def canary_names() -> list[dict[str, Any]]:
    """The analysis that a Rollout names, under the name that it has in the end; kustomize does not know that place."""
    place = "spec.strategy.canary.analysis.templates.0.templateName"
    source = {"kind": "AnalysisTemplate", "fieldPath": "metadata.name"}
    return [{"source": source, "targets": [{"select": {"kind": "Rollout"}, "fieldPaths": [place]}]}]


def _fields() -> list[dict[str, Any]]:
    """Where a Rollout has its labels; kustomize knows those of a Deployment by itself."""
    paths = ("spec/selector/matchLabels", "spec/template/metadata/labels")
    return [{"path": path, "group": "argoproj.io", "kind": "Rollout", "create": True} for path in paths]


def _workload(release: Release) -> dict[str, Any]:
    about, label = origin(release), {VERSION: release.version}
    return _patch(
        "Deployment|Rollout",
        metadata={"name": "any", "annotations": about, "labels": label},
        spec={"template": {"metadata": {"annotations": about, "labels": label}}},
    )


def _canary(release: Release, stable: Release) -> dict[str, Any]:
    """Both sides of a canary, so that its analysis asks for these two and no other."""
    sides = {
        "mlgate/canary-image": release.container,
        "mlgate/canary-version": release.version,
        "mlgate/stable-image": stable.container,
        "mlgate/stable-version": stable.version,
    }
    return _patch("Rollout", metadata={"name": "any", "annotations": sides})


def _patch(kind: str, **content: Any) -> dict[str, Any]:
    return {"target": {"kind": kind}, "patch": {"apiVersion": "any", "kind": "any", **content}}
