"""`deploy/argocd` applied as it is, but for its address; Argo CD looks every 20 seconds, not 120 to 180."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import containers
from caches import building
from cluster import Cluster
from deployed import DEPLOY
from extensions import built, source
from following import NAMESPACE, answers

from mlgate.engine.replica import free_port, free_ports

MODULE = "github.com/argoproj/argo-cd/v3"
LOOKS_EVERY = "20s"
OWN = {"app.kubernetes.io/part-of": "argocd"}


def prepare(cluster: Cluster, url: str) -> None:
    cluster.kubectl("create", "namespace", "argocd")
    settings = {"timeout.reconciliation": LOOKS_EVERY, "timeout.reconciliation.jitter": "0s"}
    cluster.apply(
        *(_of_argo("ConfigMap", name, data) for name, data in (("argocd-cm", settings), ("argocd-rbac-cm", {})))
    )
    cluster.apply(_of_argo("Secret", "argocd-secret", {"server.secretkey": "b2YgYSB0ZXN0"}))
    for path in sorted((DEPLOY / "argocd").glob("*.yaml")):  # in the order of `kubectl apply -f deploy/argocd/`
        text = path.read_text(encoding="utf-8").replace("https://github.com/OWNER/REPOSITORY.git", url)
        cluster.kubectl("apply", "-f", "-", stdin=text.replace("SLUG", "toy").encode())


def _of_argo(kind: str, name: str, data: dict[str, str]) -> dict[str, object]:
    about = {"name": name, "namespace": "argocd", "labels": OWN}
    return {"apiVersion": "v1", "kind": kind, "metadata": about, "data": data}


def well(cluster: Cluster) -> bool:
    _autoscaler(cluster)
    return _state(cluster) == "Synced Healthy"


def _autoscaler(cluster: Cluster) -> None:
    """Say for the autoscaler, whose load nobody measures here, that it is well: else Argo CD waits for it."""
    words = ("horizontalpodautoscalers", "-n", NAMESPACE)
    if not cluster.kubectl("get", *words, "-o", "name"):
        return
    able = {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}
    said = json.dumps({"status": {"currentReplicas": 1, "desiredReplicas": 1, "conditions": [able]}})
    cluster.kubectl("patch", *words, "toy-model", "--subresource=status", "--type=merge", "-p", said)


def ill(cluster: Cluster) -> bool:
    return _state(cluster).endswith(" Degraded")


def _state(cluster: Cluster) -> str:
    words = ("get", "application", NAMESPACE, "-n", "argocd", "--ignore-not-found", "-o", "json")
    status = json.loads(cluster.kubectl(*words) or "{}").get("status", {})
    return f"{status.get('sync', {}).get('status', '')} {status.get('health', {}).get('status', '')}"


@contextlib.contextmanager
def controllers(cluster: Cluster, work: Path) -> Iterator[None]:
    """Its Redis, the server of repositories, and the controllers of ApplicationSets and of Applications."""
    scripts = work / "scripts"  # that its image puts on the PATH
    scripts.mkdir()
    with building():
        for script in (source(MODULE) / "hack").glob("*-wrapper.sh"):
            shutil.copyfile(script, scripts / script.name)
            (scripts / script.name).chmod(0o755)
    own = str(work)
    environ = {
        "KUBECONFIG": str(cluster.kubeconfig), "TMPDIR": own, "HOME": own, "PATH": f"{scripts}:{os.environ['PATH']}",
        "ARGOCD_TLS_DATA_PATH": own, "ARGOCD_SSH_DATA_PATH": own, "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_RECONCILIATION_TIMEOUT": LOOKS_EVERY, "ARGOCD_RECONCILIATION_JITTER": "0s",
        "ARGOCD_FAKE_IN_CLUSTER": "true",
    }  # fmt: skip
    redis = free_port()
    with contextlib.ExitStack() as stack, patch.dict(os.environ, environ):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(redis), "--save", "", "--dir", own]
        stack.enter_context(containers.started(command, work / "redis.log", lambda: _listens(redis)))
        for name, (ping, flags) in _programs(redis).items():
            os.environ["ARGOCD_BINARY_NAME"] = f"argocd-{name}"
            command = [str(built("argocd")), *flags]
            stack.enter_context(containers.started(command, work / f"{name}.log", answers(f"http://{ping}")))
        yield


def _programs(redis: int) -> dict[str, tuple[str, list[str]]]:
    """For each program, where it answers once it runs, and its flags."""
    server, metrics, sets, *others, applications = (f"127.0.0.1:{port}" for port in free_ports(6))
    probe, hook = others
    asks = ["--namespace=argocd", "--repo-server-plaintext"]
    return {
        "repo-server": (f"{metrics}/healthz", [
            "--address=127.0.0.1", f"--port={_port(server)}", f"--redis=127.0.0.1:{redis}", "--disable-tls",
            "--client-ca-path=", "--metrics-address=127.0.0.1", f"--metrics-port={_port(metrics)}",
        ]),
        "applicationset-controller": (f"{sets}/metrics", [
            *asks, f"--argocd-repo-server={server}", f"--metrics-addr={sets}", f"--probe-addr={probe}",
            f"--webhook-addr={hook}",
        ]),
        "application-controller": (f"{applications}/healthz", [
            *asks, f"--repo-server={server}", f"--redis=127.0.0.1:{redis}", f"--metrics-port={_port(applications)}",
        ]),
    }  # fmt: skip


def _port(address: str) -> str:
    return address.partition(":")[2]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
