"""`deploy/canary` run by Argo Rollouts: a new release takes a fifth of the pods, and is judged by a real Prometheus.

Times are shortened twentyfold (half an hour becomes 90 s); everything else is as it is rendered.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import containers
from cluster import Cluster
from deployed import commit, make_project, make_release, write
from extensions import built
from following import answers, until
from programs import program
from watching import metrics_of_pods, prometheus

from mlgate.engine.replica import free_port
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project

NAMESPACE, ROLLOUT, REPLICAS = "toy-production", "toy-model", 5


def run(cluster: Cluster, work: Path) -> dict[str, Any]:
    """What became of a good canary, a failing one, and one that nobody asked, each with what the analysis said."""
    project = make_project(work / "toy")
    overlay = project.root / "deploy" / "overlays" / "production" / "kustomization.yaml"
    overlay.write_text(overlay.read_text().replace("# components:", "components:"))
    kustomize = str(Path(program("kustomize")).parent)
    environ = {"PATH": f"{kustomize}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.kubeconfig)}
    cluster.kubectl("create", "namespace", NAMESPACE)
    with (
        patch.dict(os.environ, environ),
        metrics_of_pods(cluster, NAMESPACE) as (metrics, faults),
        prometheus(work, metrics) as url,
    ):
        _shorten(project, url)
        health = free_port()
        flags = ["--leader-elect=false", f"--healthzPort={health}", f"--metricsPort={free_port()}"]
        command = [str(built("rollouts-controller")), *flags]
        ready = answers(f"http://127.0.0.1:{health}/healthz")
        with containers.started(command, work / "rollouts.log", ready):
            return _told(cluster, project, faults)


def _told(cluster: Cluster, project: Project, faults: dict[str, str]) -> dict[str, Any]:
    first = applied(cluster, project, "a")
    cluster.kubectl("scale", "rollout", ROLLOUT, "-n", NAMESPACE, f"--replicas={REPLICAS}")
    until(lambda: phase(cluster) == "Healthy" and shares(cluster)[first.version] == REPLICAS)
    good = applied(cluster, project, "b")
    until(lambda: shares(cluster) == {first.version: REPLICAS - 1, good.version: 1})
    found: dict[str, Any] = {"pods_of_a_canary": f"1 of {REPLICAS}"}
    until(lambda: phase(cluster) == "Healthy" and shares(cluster) == {good.version: REPLICAS})
    found["good"] = f"promoted: {analysis(cluster)}"
    for fault, ending in (("errors", "Degraded"), ("slow", "Degraded"), ("scores", "Degraded"), ("unasked", "Paused")):
        bad = applied(cluster, project, fault, fault, faults)
        until(lambda ending=ending: phase(cluster) == ending and "Running" not in analysis(cluster))
        if ending == "Degraded":
            until(lambda: shares(cluster) == {good.version: REPLICAS})
        assert shares(cluster)[good.version] >= REPLICAS - 1
        found[fault] = f"{ending.lower()}: {analysis(cluster)}"
        _roll_back(cluster, project, bad)
        until(lambda: phase(cluster) == "Healthy" and shares(cluster) == {good.version: REPLICAS})
    return found


def applied(
    cluster: Cluster, project: Project, seed: str, fault: str = "", faults: dict[str, str] | None = None
) -> Release:
    """A release committed to the branch and applied as Argo CD and Flux do."""
    release = make_release(project, seed)
    if faults is not None:
        faults[release.version] = fault
    write(project, "production", release)
    _apply(cluster, project)
    return release


def _apply(cluster: Cluster, project: Project) -> None:
    manifests = Ledger(project).file("production", "manifests.yaml")
    cluster.kubectl("apply", "--server-side", "--field-manager=follower", "-f", "-", stdin=manifests)


def _roll_back(cluster: Cluster, project: Project, bad: Release) -> None:
    ledger = Ledger(project)
    ledger.revert("production", ledger.head("production"), f"{bad.version} did badly")
    _apply(cluster, project)


def rollout(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.kubectl("get", "rollout", ROLLOUT, "-n", NAMESPACE, "-o", "json"))
    return found


def phase(cluster: Cluster) -> str:
    """What the controller says of the newest commit that was applied."""
    found = rollout(cluster)
    status = found.get("status", {})
    seen = str(found["metadata"]["generation"]) == status.get("observedGeneration")
    return str(status.get("phase", "")) if seen else ""


def shares(cluster: Cluster) -> dict[str, int]:
    """How many pods there are of each version."""
    words = ("get", "pods", "-n", NAMESPACE, "-o", "jsonpath={.items[*].metadata.labels.app\\.kubernetes\\.io/version}")
    versions = cluster.kubectl(*words).split()
    return {version: versions.count(version) for version in versions}


def analysis(cluster: Cluster) -> str:
    """The verdict of the newest analysis, metric by metric."""
    words = ("get", "analysisruns", "-n", NAMESPACE, "--sort-by=.metadata.creationTimestamp", "-o", "json")
    newest = json.loads(cluster.kubectl(*words))["items"][-1]["status"]
    results = [f"{one['name']} {one['phase']}" for one in newest.get("metricResults", ())]
    return f"{newest['phase']} ({', '.join(results)})"


def _shorten(project: Project, url: str) -> None:
    """A minute becomes three seconds, and Prometheus is on loopback."""

    def shorter(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) * 3}s{found[3]}"

    for name in ("analysis.yaml", "kustomization.yaml"):
        path = project.root / "deploy" / "canary" / name
        text = path.read_text(encoding="utf-8").replace("http://prometheus-server.monitoring.svc:80", url)
        path.write_text(re.sub(r"(: |\[)([0-9]+)m(\]|\b)", shorter, text))
    commit(project.root, "a canary, in a hurry")
