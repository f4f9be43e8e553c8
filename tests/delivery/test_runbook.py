"""The commands of deploy/RUNBOOK.md, taken out of it and run in order: on a real API server, registry and remote."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster import Cluster, ToyService
from deployed import DEPLOY, PARAMS, ROOT, commit, git, make_project

pytestmark = pytest.mark.thorough

Run = Callable[..., object]
TEXT = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
SECTIONS = {
    title: re.findall(r"```console\n(.*?)```", body, flags=re.DOTALL)
    for title, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
}
WATCHED = {
    "argoproj.io": ("v1alpha1", ("AppProject", "ApplicationSet")),
    "source.toolkit.fluxcd.io": ("v1", ("GitRepository",)),
    "kustomize.toolkit.fluxcd.io": ("v1", ("Kustomization",)),
}


class Day:
    """A repository with its remote, a cluster and a registry, and the commands of a section run in it."""

    def __init__(self, root: Path, environ: dict[str, str], cluster: Cluster) -> None:
        self.root, self.environ, self.cluster, self.before = root, environ, cluster, ""
        self.done: list[str] = []

    def run(self, section: str, number: int, folder: Path | None = None) -> str:
        """Run one block of a section; it ends well, every command of it."""
        block = SECTIONS[section][number]
        for name, value in {"SLUG": "toy", "OWNER": "acme", "REPOSITORY": "toy", "BEFORE": self.before}.items():
            block = block.replace(name, value)
        command = ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(
            command, cwd=folder or self.root, env=self.environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        self.done.append(f"{section} {number}")
        return done.stdout

    def images(self, environment: str) -> str:
        words = ("get", "deployment", "toy-model", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
        return self.cluster.kubectl("-n", f"toy-{environment}", *words)

    def record(self, environment: str, key: str) -> str:
        git(self.root, "fetch", "-q", "origin")
        said = git(self.root, "show", f"origin/env/{environment}:release.json")
        found = re.search(rf'"{key}": "([^"]*)"', said)
        assert found
        return found[1]


@pytest.fixture(scope="module")
def day(
    module_folder: Callable[[str], Path], control_plane: Cluster, toy_service: ToyService, registry: str,
    crane: str, kubectl: str, program: Callable[[str], str], environ: dict[str, str],
) -> Day:  # fmt: skip
    folder = module_folder("runbook")
    programs = folder / "bin"
    programs.mkdir()
    for name, path in {"kubectl": kubectl, "cosign": program("cosign"), "kustomize": program("kustomize")}.items():
        (programs / name).symlink_to(path)
    (programs / "uv").write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("runbook_uv.py")} "$@"\n')
    (programs / "uv").chmod(0o755)
    params = PARAMS.replace("engine: none", "engine: kubernetes, latency_ms: 20000")  # each answer asks kubectl
    project = make_project(folder / "toy", params)
    git(folder, "init", "-q", "--bare", "origin.git")
    git(project.root, "remote", "add", "origin", str(folder / "origin.git"))
    git(project.root, "push", "-q", "origin", "main")
    toy_service.fault = ""
    asked = ("get", "deployments", "-A", "-l", "app.kubernetes.io/component=candidate", "-o")
    label = r"jsonpath={.items[*].metadata.labels.app\.kubernetes\.io/version}"
    toy_service.version = lambda: control_plane.kubectl(*asked, label)
    control_plane.apply(
        *definitions(),
        *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in ("argocd", "flux-system")),
    )
    variables = {
        "PATH": os.pathsep.join([str(programs), environ["PATH"]]),
        "KUBECONFIG": str(control_plane.kubeconfig),
        "PYTHONPATH": str(ROOT / "template" / "src"),
        "MLGATE_REMOTE": "origin",
        "COSIGN_PASSWORD": "not secret",
        "RUNBOOK_TOYS": str(ROOT / "tests" / "mlgate" / "delivery"),
        "RUNBOOK_CRANE": crane,
        "RUNBOOK_REPOSITORY": f"{registry}/toy",
    }
    return Day(project.root, environ | variables, control_plane)


def definitions() -> list[dict[str, object]]:
    """The kinds of Argo CD and Flux, without their schemas: the server takes whatever has the right name."""
    found: list[dict[str, object]] = []
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    for group, (version, kinds) in WATCHED.items():
        for kind in kinds:
            plural = f"{kind.lower().removesuffix('y')}ies" if kind.endswith("y") else f"{kind.lower()}s"
            names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
            served = [{"name": version, "served": True, "storage": True, "schema": schema}]
            found.append({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.{group}"},
                "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": served},
            })  # fmt: skip
    return found


def test_every_command_of_the_runbook_does_what_it_says(day: Day) -> None:
    """One day, in one order: each section stands on what those before it left."""
    for number in range(3):
        day.run("Connect a cluster", number)
    said = day.cluster.kubectl("get", "applicationsets,gitrepositories", "-A", "-o", "name").split()
    assert len(said) == 3
    commit(day.root, "our names")
    git(day.root, "push", "-q", "origin", "main")

    day.run("Deploy", 0)
    first = day.record("staging", "container")
    assert day.images("staging") == first
    assert "Ada Lovelace" in day.run("Promote", 0)
    assert day.images("production") == first
    day.before = day.record("production", "version")

    commit(day.root, "a better model")
    git(day.root, "push", "-q", "origin", "main")
    day.run("Deploy", 0)
    day.run("Promote", 0)
    second = day.images("production")
    assert second == day.record("staging", "container") != first

    day.run("Roll back", 0)
    assert day.images("production") == first
    day.run("Roll back", 0)  # undone
    assert day.images("production") == second
    day.run("Roll back", 1)
    assert day.images("production") == first

    day.run("Freeze", 0)
    said = day.run("Registry retention", 0)
    assert "keep in the registry: " in said
    assert first in said
    assert second in said
    assert set(day.run("Registry retention", 1).splitlines()) == {
        f'"container": "{image}"' for image in (first, second)
    }
    rotate(day)
    disaster(day, first)
    assert set(day.done) == {f"{title} {number}" for title, blocks in SECTIONS.items() for number in range(len(blocks))}


def rotate(day: Day) -> None:
    day.run("Rotate keys", 0)
    assert "BEGIN PUBLIC KEY" in (day.root / "deploy" / "cosign.pub").read_text()
    assert (day.root.parent / "cosign.key").is_file()
    assert git(day.root, "status", "--porcelain") == ""
    words = ("-n", "toy-production", "get", "secret", "mlgate-pseudonym", "-o", "jsonpath={.data.key}")
    before = day.cluster.kubectl(*words)
    day.run("Rotate keys", 1)
    assert day.cluster.kubectl(*words) != before


def disaster(day: Day, production: str) -> None:
    day.cluster.kubectl("delete", "deployment,service,hpa,pdb,networkpolicy", "--all", "-n", "toy-production")
    day.run("Disaster", 0)
    assert day.images("production") == production

    lines = day.run("Disaster", 1).splitlines()
    assert lines[-1].strip() == lines[-2].strip() != ""
    assert day.record("production", "image") in lines[-1]

    git(day.root, "push", "-q", "origin", ":refs/heads/env/production")
    git(
        day.root,
        "update-ref",
        "refs/remotes/origin/env/production",
        git(day.root, "rev-parse", "refs/mlgate/remotes/origin/env/production"),
    )
    assert "rollback(production)" in day.run("Disaster", 2)


def test_a_command_of_the_runbook_that_fails_is_seen(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECTIONS, "Freeze", ["uv run mlgate freeze --env prodution --reason x\n"])
    with pytest.raises(AssertionError, match="prodution"):
        day.run("Freeze", 0)
