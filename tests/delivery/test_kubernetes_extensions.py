"""What Argo CD, Argo Rollouts, Flux and Kyverno are given has the fields and types that their kinds ask for."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from deployed import DEPLOY, ROOT, commit, make_project, make_release

from mlgate.manifests import render
from mlgate.manifests.contents import documents

BROKEN = {
    "ApplicationSet": ("spec", "generators", "not a list"),
    "Kustomization": ("spec", "interval", 10),
    "ClusterPolicy": ("spec", "background", "no"),
    "Rollout": ("spec", "replicas", "two"),
    "AnalysisTemplate": ("spec", "metrics", {}),
}


@pytest.fixture(scope="module")
def problems() -> Callable[[list[dict[str, Any]]], list[str]]:
    """`problems(objects)`: for each, what is wrong with it, or an empty text."""
    from node import bundle, node

    script = bundle(ROOT / "tools" / "kubernetes_schemas.mjs")

    def _problems(objects: list[dict[str, Any]]) -> list[str]:
        done = subprocess.run(
            [*node(), str(script)], input=json.dumps(objects), capture_output=True, text=True, check=True
        )
        found: list[str] = json.loads(done.stdout)
        return found

    return _problems


@pytest.fixture(scope="module")
def objects(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All that is no kind of Kubernetes' own: as the template has it, and a canary as it is rendered."""
    paths = [path for folder in ("argocd", "flux", "policy") for path in sorted((DEPLOY / folder).glob("*.yaml"))]
    found = [document for path in paths for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    project = make_project(tmp_path_factory.mktemp("canary") / "toy")
    overlay = project.root / "deploy" / "overlays" / "production" / "kustomization.yaml"
    overlay.write_text(overlay.read_text().replace("# components:", "components:"))
    commit(project.root, "a canary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(Path(program("kustomize")).parent), os.environ["PATH"]]))
        rendered = documents(render(project, "production", make_release(project, "a")))
    return found + [document for document in rendered if "argoproj" in document["apiVersion"]]


def test_every_object_keeps_to_its_schema(
    objects: list[dict[str, Any]], problems: Callable[[list[dict[str, Any]]], list[str]]
) -> None:
    assert len(objects) == 10
    assert problems(objects) == [""] * len(objects)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_wrong_type_is_seen(
    kind: str, objects: list[dict[str, Any]], problems: Callable[[list[dict[str, Any]]], list[str]]
) -> None:
    wrong = copy.deepcopy(next(found for found in objects if found["kind"] == kind))
    section, key, value = BROKEN[kind]
    wrong[section][key] = value
    (said,) = problems([wrong])
    assert key in said
