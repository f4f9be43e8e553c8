"""`deploy/flux` applied as it is, but for its address."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import containers
from cluster import Cluster
from deployed import DEPLOY
from extensions import built
from following import NAMESPACE, answers

from mlgate.engine.replica import free_port


def prepare(cluster: Cluster, url: str) -> None:
    cluster.kubectl("create", "namespace", "flux-system")
    cluster.kubectl("create", "namespace", NAMESPACE)
    text = (DEPLOY / "flux" / "staging.yaml").read_text(encoding="utf-8")
    text = text.replace("https://github.com/OWNER/REPOSITORY.git", url).replace("SLUG", "toy")
    cluster.kubectl("apply", "-f", "-", stdin=text.encode())


def well(cluster: Cluster) -> bool:
    return _state(cluster).startswith("True")


def ill(cluster: Cluster) -> bool:
    return "HealthCheckFailed" in _state(cluster)


def _state(cluster: Cluster) -> str:
    words = ("get", "kustomization", NAMESPACE, "-n", "flux-system", "--ignore-not-found", "-o")
    return cluster.kubectl(*words, 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.reason}{end}')


@contextlib.contextmanager
def controllers(cluster: Cluster, work: Path) -> Iterator[None]:
    """Flux's two controllers that this needs, until the block ends."""
    artifacts = f"127.0.0.1:{free_port()}"
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
            health = f"127.0.0.1:{free_port()}"
            command = [str(built(name)), "--metrics-addr=0", f"--health-addr={health}", *flags]
            stack.enter_context(containers.started(command, work / f"{name}.log", answers(f"http://{health}/healthz")))
        yield
