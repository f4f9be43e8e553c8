"""A Prometheus for the pods of a namespace, which it is told of, and what those pods would say for /metrics."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import containers
from cluster import Cluster
from following import answers
from loopback import Door, served

from mlgate.engine.replica import free_port

SCRAPED = """\
global: {scrape_interval: 1s}
scrape_configs: [{job_name: pods, http_sd_configs: [{url: "http://METRICS/pods", refresh_interval: 1s}]}]
"""


@contextlib.contextmanager
def metrics_of_pods(cluster: Cluster, namespace: str) -> Iterator[tuple[str, dict[str, str]]]:
    """What pods say of themselves: `faults` has what is wrong with a version."""
    faults: dict[str, str] = {}
    born: dict[str, float] = {}

    class Metrics(Door):
        def do_GET(self) -> None:  # noqa: N802 - so http.server calls it
            url = urlsplit(self.path)
            if url.path == "/pods":
                kind, body = "application/json", json.dumps(_targets(cluster, namespace, self.headers["Host"])).encode()
            else:
                version = parse_qs(url.query)["version"][0]
                past = time.monotonic() - born.setdefault(version, time.monotonic())
                kind, body = "text/plain; version=0.0.4", said(version, faults.get(version, ""), past).encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # who asked may be gone
                self.wfile.write(body)

    with served(Metrics) as port:
        yield f"127.0.0.1:{port}", faults


def _targets(cluster: Cluster, namespace: str, address: str) -> list[dict[str, Any]]:
    """The pods as Prometheus takes them, labelled as `kubernetes_sd` and the usual rules label them."""
    listed = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
    return [
        {
            "targets": [address],
            "labels": {
                "namespace": namespace,
                "pod": pod["metadata"]["name"],
                "__param_version": pod["metadata"]["labels"]["app.kubernetes.io/version"],
            },
        }
        for pod in listed
    ]


def said(version: str, fault: str, past: float) -> str:
    """A pod's counters after so many seconds of forty requests a second."""
    asked = 0.0 if fault == "unasked" else 40 * past
    quick = (0.1, 0.5, 1.0, 1.0) if fault == "slow" else (0.9, 0.96, 1.0, 1.0)
    scores = (0.1, 0.1, 0.8) if fault == "scores" else (0.7, 0.2, 0.1)
    refused = asked / 5 if fault == "errors" else 0.0
    lines = [
        f'bentoml_service_request_total{{endpoint="/predict"}} {asked}',
        f'mlgate_requests_refused_total{{status="503"}} {refused}',
    ]
    for bound, share in zip(("0.005", "0.01", "0.05", "+Inf"), quick, strict=True):
        lines.append(
            f'bentoml_service_request_duration_seconds_bucket{{endpoint="/predict",le="{bound}"}} {share * asked}'
        )
    for cell, share in zip(("0", "0.1", "0.5"), scores, strict=True):
        lines.append(f'mlgate_scores_total{{version="{version}",cell="{cell}"}} {share * asked}')
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def prometheus(work: Path, metrics: str) -> Iterator[str]:
    """The address of a Prometheus that watches what `metrics` lists."""
    port = free_port()
    path = work / "prometheus.yaml"
    path.write_text(SCRAPED.replace("METRICS", metrics))
    command = [
        "prometheus", f"--config.file={path}", f"--storage.tsdb.path={work / 'recorded'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with containers.started(command, work / "prometheus.log", answers(f"http://127.0.0.1:{port}/-/ready")):
        yield f"http://127.0.0.1:{port}"
