"""Manifests: what Kubernetes is to run of a release, rendered from `deploy/` and committed beside the record."""

from mlgate.manifests.identity import MANIFESTS, namespace_of, prefix_of
from mlgate.manifests.kustomize import Kustomize
from mlgate.manifests.record import compare, manifests_for
from mlgate.manifests.render import render

__all__ = ["MANIFESTS", "Kustomize", "compare", "manifests_for", "namespace_of", "prefix_of", "render"]
