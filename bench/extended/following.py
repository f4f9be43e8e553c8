"""`deploy/flux` applied as it is, but for its address: Flux follows an environment's branch, forwards and back."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import containers
import httpx
from cluster import BROKEN, Cluster
from deployed import DEPLOY, git, make_project, make_release, write
from extensions import built
from loopback import git_served
from programs import program

from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project

NAMESPACE = "toy-staging"


def run(cluster: Cluster, work: Path) -> dict[str, Any]:
    """Seconds from a commit on the branch until the cluster runs it, the minute between two looks included."""
    project = make_project(work / "toy")
    forge = work / "forge.git"
    git(work, "init", "-q", "--bare", "-b", "main", str(forge))
    git(project.root, "remote", "add", "origin", str(forge))
    cluster.kubectl("create", "namespace", "flux-system")
    cluster.kubectl("create", "namespace", NAMESPACE)
    kustomize = str(Path(program("kustomize")).parent)
    with patch.dict(os.environ, {"PATH": f"{kustomize}:{os.environ['PATH']}"}), git_served(forge) as url:
        pushed(project, "a")
        path = DEPLOY / "flux" / "staging.yaml"
        text = path.read_text(encoding="utf-8").replace("https://github.com/OWNER/REPOSITORY.git", url)
        cluster.kubectl("apply", "-f", "-", stdin=text.replace("SLUG", "toy").encode())
        with _controllers(cluster, work):
            return _followed(cluster, project)


def _followed(cluster: Cluster, project: Project) -> dict[str, Any]:
    first = make_release(project, "a")
    found: dict[str, Any] = {"first_release_s": until(lambda: runs(cluster, first))}
    second = pushed(project, "b")
    found["second_release_s"] = until(lambda: runs(cluster, second))
    ledger = Ledger(project)
    ledger.revert("staging", ledger.head("staging"), "a revert")
    git(project.root, "push", "-q", "origin", "env/staging")
    found["revert_s"] = until(lambda: runs(cluster, first))
    pushed(project, "c", data_digest=BROKEN)
    found["broken_release_reported_s"] = until(lambda: "HealthCheckFailed" in state(cluster), 600)
    assert pods(cluster, first), "a release that never gets ready has taken the place of one that serves"
    ledger.revert("staging", ledger.head("staging"), "it never got ready")
    git(project.root, "push", "-q", "origin", "env/staging")
    found["recovered_s"] = until(lambda: runs(cluster, first))
    return {key: round(value) for key, value in found.items()}


def pushed(project: Project, seed: str, **about: str) -> Release:
    """A release committed to the branch, as `deploy` does, and pushed."""
    release = make_release(project, seed).model_copy(update=about)
    write(project, "staging", release)
    git(project.root, "push", "-q", "origin", "env/staging")
    return release


def runs(cluster: Cluster, release: Release) -> bool:
    """Flux says that it is well, and every pod is of this release."""
    return state(cluster).startswith("True") and pods(cluster) == pods(cluster, release) > 0


def state(cluster: Cluster) -> str:
    words = ("get", "kustomization", "toy-staging", "-n", "flux-system", "--ignore-not-found", "-o")
    return cluster.kubectl(*words, 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.reason}{end}')


def pods(cluster: Cluster, release: Release | None = None) -> int:
    """How many are ready, of this release."""
    listed = json.loads(cluster.kubectl("get", "pods", "-n", NAMESPACE, "-o", "json"))["items"]
    ready = [pod for pod in listed if any(one["type"] == "Ready" for one in pod["status"].get("conditions", ()))]
    return sum(release is None or pod["spec"]["containers"][0]["image"] == release.container for pod in ready)


def until(condition: Callable[[], bool], seconds: float = 300) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        time.sleep(1)
    return time.monotonic() - started


@contextlib.contextmanager
def _controllers(cluster: Cluster, work: Path) -> Iterator[None]:
    """Flux's two controllers that this needs, until the block ends."""
    artifacts = f"127.0.0.1:{containers.free_port()}"
    more = {
        "source-controller": [
            f"--storage-path={work / 'artifacts'}", f"--storage-addr={artifacts}", f"--storage-adv-addr={artifacts}",
        ],
        "kustomize-controller": [],
    }  # fmt: skip
    (work / "artifacts").mkdir()
    environ = {"KUBECONFIG": str(cluster.kubeconfig), "RUNTIME_NAMESPACE": "flux-system", "TMPDIR": str(work)}
    with contextlib.ExitStack() as stack, patch.dict(os.environ, environ):
        for name, flags in more.items():
            health = f"127.0.0.1:{containers.free_port()}"
            command = [str(built(name)), "--metrics-addr=0", f"--health-addr={health}", *flags]
            stack.enter_context(containers.started(command, work / f"{name}.log", answers(f"http://{health}/healthz")))
        yield


def answers(url: str) -> Callable[[], bool]:
    def asked() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url).status_code == 200
        return False

    return asked
