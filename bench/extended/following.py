"""A program follows an environment's branch, forwards and back: what Flux and Argo CD have to do alike."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import httpx
from cluster import BROKEN, Cluster
from deployed import git, make_project, make_release, write
from loopback import git_served
from programs import program

from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project

NAMESPACE = "toy-staging"


class Follower(Protocol):
    """What differs between those that follow."""

    def prepare(self, cluster: Cluster, url: str) -> None:
        """Apply what the project has for it, with this address of the repository."""

    def controllers(self, cluster: Cluster, work: Path) -> AbstractContextManager[None]:
        """Its programs, until the block ends."""

    def well(self, cluster: Cluster) -> bool:
        """Whether it says that what it applied last is healthy."""

    def ill(self, cluster: Cluster) -> bool:
        """Whether it says that it is not."""


def run(follower: Follower, cluster: Cluster, work: Path) -> dict[str, Any]:
    """Seconds from a commit on the branch until the cluster runs it, the pause between two looks included."""
    project = make_project(work / "toy")
    forge = work / "forge.git"
    git(work, "init", "-q", "--bare", "-b", "main", str(forge))
    git(project.root, "remote", "add", "origin", str(forge))
    kustomize = str(Path(program("kustomize")).parent)
    with patch.dict(os.environ, {"PATH": f"{kustomize}:{os.environ['PATH']}"}), git_served(forge) as url:
        first = pushed(project, "a")
        follower.prepare(cluster, url)
        with follower.controllers(cluster, work):
            return _followed(follower, cluster, project, first)


def _followed(follower: Follower, cluster: Cluster, project: Project, first: Release) -> dict[str, Any]:
    def runs(release: Release) -> bool:
        return follower.well(cluster) and pods(cluster) == pods(cluster, release) > 0

    found: dict[str, Any] = {"first_release_s": until(lambda: runs(first))}
    second = pushed(project, "b")
    found["second_release_s"] = until(lambda: runs(second))
    _revert(project, "a revert")
    found["revert_s"] = until(lambda: runs(first))
    pushed(project, "c", data_digest=BROKEN)
    found["broken_release_reported_s"] = until(lambda: follower.ill(cluster), 600)
    assert pods(cluster, first), "a release that never gets ready has taken the place of one that serves"
    _revert(project, "it never got ready")
    found["recovered_s"] = until(lambda: runs(first))
    return {key: round(value) for key, value in found.items()}


def _revert(project: Project, why: str) -> None:
    ledger = Ledger(project)
    ledger.revert("staging", ledger.head("staging"), why)
    git(project.root, "push", "-q", "origin", "env/staging")


def pushed(project: Project, seed: str, **about: str) -> Release:
    """A release committed to the branch, as `deploy` does, and pushed."""
    release = make_release(project, seed).model_copy(update=about)
    write(project, "staging", release)
    git(project.root, "push", "-q", "origin", "env/staging")
    return release


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


def answers(url: str) -> Callable[[], bool]:
    def asked() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url).status_code == 200
        return False

    return asked
