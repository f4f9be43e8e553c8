"""What Argo CD, Argo Rollouts, Flux and Kyverno are given is taken by a real API server that knows their kinds."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import Cluster, ToyService, control_plane
from deployed import DEPLOY, commit, make_project, make_release
from extensions import PACKAGES, PINS, definitions, version, wanted

from mlgate.manifests import render
from mlgate.manifests.contents import documents

NAMES = {"SLUG": "toy", "OWNER": "someone", "REPOSITORY": "toy"}
BROKEN = {
    "AppProject": (("spec", "destinations"), "everywhere"),
    "ApplicationSet": (("spec", "template", "spec", "syncPolicy", "automated", "selfheal"), True),
    "GitRepository": (("spec", "url"), "git@github.com:someone/toy.git"),
    "Kustomization": (("spec", "interval"), "soon"),
    "ImageValidatingPolicy": (("spec", "attestors", 0, "cosign", "keys"), []),
    "Rollout": (("spec", "replicas"), "two"),
    "AnalysisTemplate": (("spec", "metrics", 0, "failurelimit"), 1),
}


@pytest.fixture(scope="module")
def extended(
    program: Callable[[str], str], module_folder: Callable[[str], Path], toy_service: ToyService
) -> Iterator[Cluster]:
    """An API server of this module's own with the definitions that the makers publish.

    Other tests need one that does not know them, and one whose kinds were asked for may take minutes to forget them
    ("could not list instances: storage is (re)initializing").
    """
    with control_plane(program("cluster"), module_folder("cluster") / "state", toy_service.port) as cluster:
        paths = [word for path in definitions() for word in ("-f", str(path))]
        cluster.kubectl("apply", "--server-side", *paths)
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *paths)
        names = ("argocd", "flux-system", "toy-production")
        cluster.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names))
        yield cluster


def test_what_is_kept_for_this_checkout_is_what_it_asks_for() -> None:
    kept = {path.parent.name for path in definitions()} | {version(module) for module, _ in PACKAGES.values()}
    assert kept <= wanted(PINS.parent)


@pytest.fixture(scope="module")
def objects(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All that is no kind of Kubernetes' own: as the template has it, and a canary as it is rendered."""
    found = []
    for path in (path for folder in ("argocd", "flux", "policy") for path in sorted((DEPLOY / folder).glob("*.yaml"))):
        text = path.read_text(encoding="utf-8")
        for name, value in NAMES.items():
            text = text.replace(name, value)
        found += yaml.safe_load_all(text)
    project = make_project(tmp_path_factory.mktemp("canary") / "toy")
    overlay = project.root / "deploy" / "overlays" / "production" / "kustomization.yaml"
    overlay.write_text(overlay.read_text().replace("# components:", "components:"))
    commit(project.root, "a canary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(Path(program("kustomize")).parent), os.environ["PATH"]]))
        rendered = documents(render(project, "production", make_release(project, "a")))
    return found + [document for document in rendered if "argoproj" in document["apiVersion"]]


def problem(cluster: Cluster, thing: dict[str, Any]) -> str:
    """What the API server says against it: types, rules of the definition, and fields that it does not know."""
    words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    done = cluster.call(*words, stdin=yaml.safe_dump(thing).encode())
    return done.stderr.decode() if done.returncode else ""


def test_the_api_server_takes_every_object(extended: Cluster, objects: list[dict[str, Any]]) -> None:
    assert {thing["kind"] for thing in objects} == set(BROKEN)
    assert [problem(extended, thing) for thing in objects] == [""] * 10


@pytest.mark.parametrize("kind", BROKEN)
def test_a_wrong_field_is_seen(kind: str, extended: Cluster, objects: list[dict[str, Any]]) -> None:
    wrong = copy.deepcopy(next(thing for thing in objects if thing["kind"] == kind))
    (*path, key), value = BROKEN[kind]
    place: Any = wrong
    for step in path:
        place = place[step]
    place[key] = value
    assert str(key) in problem(extended, wrong)
