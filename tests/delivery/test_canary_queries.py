"""What the canary's analysis asks, answered by a real Prometheus: of releases that are well, bad, or not asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import containers
import httpx
import pytest
import yaml
from deployed import DEPLOY

from mlgate.engine.replica import free_port

START, MINUTES, EVERY = 1_700_000_000, 40, 30
BOUNDS = ("0.005", "0.01", "0.05", "+Inf")
CELLS = ("0", "0.1", "0.5")
STABLE, CANARY = ("aaa", "v1"), ("bbb", "v2")
WELL = {"asked": 10.0, "errors": 0.0, "refused": 1.0, "quick": (0.9, 0.96, 1.0, 1.0), "scores": (0.7, 0.2, 0.1)}
# What is another than in WELL for the canary, and what each metric then says.
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "well": ({}, "green green green"),
    "mostly-refused-by-its-clients": ({"refused": 9.0}, "green green green"),
    "one-error-in-fifty": ({"errors": 0.2}, "red green green"),
    "nothing-but-errors": ({"errors": 10.0, "scores": (0.0, 0.0, 0.0)}, "red green open"),
    "slow": ({"quick": (0.2, 0.6, 1.0, 1.0)}, "green red green"),
    "other-scores": ({"scores": (0.4, 0.3, 0.3)}, "green green red"),
    "a-little-other-scores": ({"scores": (0.6, 0.25, 0.15)}, "green green green"),
    "few-rows": ({"asked": 0.1, "refused": 0.0, "scores": (0.1, 0.1, 0.8)}, "green green open"),
    "not-asked": ({"asked": 0.0, "refused": 0.0}, "open open open"),
}


def series(namespace: str, side: tuple[str, str], about: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Each series of a release as Prometheus keeps it, and by how much it grows in a second."""
    pod = f'namespace="{namespace}",pod="toy-model-{side[0]}-x"'
    asked = about["asked"]
    yield f'bentoml_service_request_total{{{pod},endpoint="/predict",http_response_code="200"}}', asked
    yield f'mlgate_requests_refused_total{{{pod},status="422"}}', about["refused"]
    if about["errors"]:
        yield f'mlgate_requests_refused_total{{{pod},status="503"}}', about["errors"]
    for bound, share in zip(BOUNDS, about["quick"], strict=True):
        name = f'bentoml_service_request_duration_seconds_bucket{{{pod},endpoint="/predict",le="{bound}"}}'
        yield name, share * asked
    for cell, share in zip(CELLS, about["scores"], strict=True):
        yield f'mlgate_scores_total{{{pod},version="{side[1]}",cell="{cell}"}}', share * asked


def recorded() -> str:
    """Forty minutes of all cases, a namespace each, in OpenMetrics."""
    lines: dict[str, list[str]] = {}
    for namespace, (other, _) in CASES.items():
        for side, about in ((STABLE, WELL), (CANARY, WELL | other)):
            for name, pace in series(namespace, side, about):
                samples = [f"{name} {pace * past} {START + past}" for past in range(0, MINUTES * 60 + 1, EVERY)]
                lines.setdefault(name.partition("{")[0], []).extend(samples)
    return "\n".join(line for family in lines.values() for line in family) + "\n# EOF\n"


@pytest.fixture(scope="module")
def prometheus(needs: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has recorded all cases."""
    needs("prometheus", "promtool")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "recorded").write_text(recorded())
    (folder / "none.yaml").write_text("{}")
    data, port = folder / "data", free_port()
    containers.quiet("promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "recorded"), str(data))
    url = f"http://127.0.0.1:{port}"
    command = [
        "prometheus", f"--config.file={folder / 'none.yaml'}", f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    with containers.started(command, folder / "log", ready):
        yield url


def judged(metric: dict[str, Any], prometheus: str, namespace: str) -> str:
    """What Argo Rollouts makes of the answer: red where the one condition holds, green where the other does."""
    arguments = {
        "prometheus": prometheus, "namespace": namespace, "canary-hash": CANARY[0], "stable-hash": STABLE[0],
        "canary-version": CANARY[1], "stable-version": STABLE[1],
    }  # fmt: skip
    asked = metric["provider"]["prometheus"]
    filled = {key: re.sub(r"{{args\.([a-z-]+)}}", lambda found: arguments[found[1]], asked[key]) for key in asked}
    parameters = {"query": filled["query"], "time": START + MINUTES * 60}
    said = httpx.get(f"{filled['address']}/api/v1/query", params=parameters).raise_for_status().json()["data"]
    assert said["resultType"] == "vector"
    result = [float(sample["value"][1]) for sample in said["result"]]
    holds = {
        name: eval(metric[name].replace("&&", "and"), {"len": len, "result": result})
        for name in ("failureCondition", "successCondition")
    }
    return "red" if holds["failureCondition"] else "green" if holds["successCondition"] else "open"


@pytest.mark.parametrize("case", CASES)
def test_the_analysis_is_red_for_a_bad_canary_alone_and_open_without_an_answer(case: str, prometheus: str) -> None:
    template = yaml.safe_load((DEPLOY / "canary" / "analysis.yaml").read_text(encoding="utf-8"))
    assert " ".join(judged(metric, prometheus, case) for metric in template["spec"]["metrics"]) == CASES[case][1]
