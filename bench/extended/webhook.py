"""Kyverno's admission controller beside the tests' API server, which asks it by its webhooks, as in any cluster."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import containers
from caches import building
from cluster import Cluster
from extensions import built, source
from following import until

from mlgate.engine.replica import free_port

MODULE = "github.com/kyverno/kyverno"
ADMITTED = "admitted"
# What its Deployment tells it of itself.
IDENTITY = {
    "KYVERNO_NAMESPACE": "kyverno", "KYVERNO_POD_NAME": "kyverno-0", "KYVERNO_DEPLOYMENT": "kyverno",
    "KYVERNO_SERVICEACCOUNT_NAME": "kyverno", "KYVERNO_SVC": "kyverno-svc", "INIT_CONFIG": "kyverno",
    "METRICS_CONFIG": "kyverno-metrics",
}  # fmt: skip


@contextlib.contextmanager
def kyverno(cluster: Cluster, policy: Path, work: Path) -> Iterator[None]:
    """Its controller, for as long as the block, with `policy` in force."""
    with building():
        crds = sorted((source(MODULE) / "config" / "crds").rglob("*.yaml"))
        kinds = [word for path in crds for word in ("-f", str(path))]
        cluster.kubectl("apply", "--server-side", "--force-conflicts", *kinds)
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=120s", *kinds)
    for name in ("kyverno", "toy-staging", "others"):
        cluster.kubectl("create", "namespace", name)
    port = free_port()
    command = [
        str(built("kyverno-admission")), f"--kubeconfig={cluster.kubeconfig}", f"--serverIP=127.0.0.1:{port}",
        "--webhookServerHost=127.0.0.1", f"--webhookServerPort={port}", "--caSecretName=kyverno-ca",
        "--tlsSecretName=kyverno-tls", "--metricsHost=127.0.0.1",
        f"--metricsPort={free_port()}", "--controllerRuntimeMetricsAddress=0",
        "--backgroundServiceAccountName=system:serviceaccount:kyverno:background",
        "--reportsServiceAccountName=system:serviceaccount:kyverno:reports", "--admissionReports=false",
    ]  # fmt: skip
    environ = {"HOME": str(work), "TMPDIR": str(work), **IDENTITY}
    with patch.dict(os.environ, environ), containers.started(command, work / "kyverno.log", lambda: _ready(cluster)):
        until(lambda: cluster.call("apply", "-f", str(policy)).returncode == 0, 120)  # its certificate comes later
        until(lambda: "/ivpol/validate" in _webhooks(cluster), 120)
        for namespace in ("toy-staging", "others"):
            until(lambda ns=namespace: cluster.call("get", "serviceaccount", "default", "-n", ns).returncode == 0, 60)
        yield


def _ready(cluster: Cluster) -> bool:
    """Whether it has said to the API server by which webhooks it is asked."""
    return "/policyvalidate" in _webhooks(cluster)


def _webhooks(cluster: Cluster) -> str:
    return cluster.kubectl("get", "validatingwebhookconfigurations", "-o", "json", check=False)


def asked(cluster: Cluster, thing: dict[str, Any], name: str) -> str:
    """What the API server says to the object under that name: `admitted`, or why not."""
    about = {**thing["metadata"], "name": name}
    ephemeral = thing["spec"].get("ephemeralContainers")
    spec = {key: value for key, value in thing["spec"].items() if key != "ephemeralContainers"}
    said = _said(cluster, "create", {**thing, "metadata": about, "spec": spec})
    if said != ADMITTED or not ephemeral:
        return said
    words = ("get", "pod", name, "-n", about["namespace"], "-o", "json")  # such a container is added to a pod that runs
    running = json.loads(cluster.kubectl(*words))
    running["spec"]["ephemeralContainers"] = ephemeral
    del running["metadata"]["resourceVersion"]  # its status is written meanwhile
    where = f"/api/v1/namespaces/{about['namespace']}/pods/{name}/ephemeralcontainers"
    return _said(cluster, "replace", running, f"--raw={where}")


def _said(cluster: Cluster, verb: str, thing: dict[str, Any], *flags: str) -> str:
    done = cluster.call(verb, *flags, "-f", "-", stdin=json.dumps(thing).encode())
    return ADMITTED if done.returncode == 0 else done.stderr.decode("utf-8", "replace") + done.stdout.decode()
