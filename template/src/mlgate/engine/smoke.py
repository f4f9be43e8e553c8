"""The smoke test of a release that runs but takes no traffic yet: is it the right one, and does it answer as it did?"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlgate.report import Check

TOLERANCE = 1e-9  # relative above one: the same code on the same machine has no reason for more
PROBE = {"x-mlgate-probe": "smoke"}  # the service logs these rows as a probe, and does not remember them
SINGLE, SLOW = 20, 1  # single rows that are asked for, and how many of them are beyond the 95th percentile
SKEW = "the service gives other scores than the model gave when it was built: compare features() with what is served"
BROKEN = b'{"rows": [{"no_such_column": "?"}]}'


def smoke(url: str, golden: Path, version: str, latency_ms: float | None = None) -> list[Check]:
    """Ask a running release for the golden rows, at once and one by one, and for nonsense.

    Returns
    -------
    list of Check
        `version`: the answer carries the version deployed. `golden`: scores equal those recorded at build time
        within 1e-9. `contract`: nonsense is answered by 4xx. `latency`: of single rows, 95 % are answered within
        `latency_ms`, where a bound is given. A release that cannot be asked fails `golden`, and nothing else is asked.
    """
    import httpx

    try:
        recorded = json.loads(golden.read_bytes())
        rows, expected = recorded["rows"], recorded["scores"]
        if not rows or len(rows) != len(expected):
            raise ValueError("it has no rows, or not a score for each")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [_failed("golden", f"{golden.name} cannot be read: {error}")]
    try:
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            answer = client.post("/predict", json={"rows": rows}, headers=PROBE)
            refusal = client.post("/predict", content=BROKEN, headers={"content-type": "application/json", **PROBE})
            checks = [_version(answer, version), _golden(answer, expected), _contract(refusal)]
            return [*checks, *([_latency(client, rows, latency_ms)] if latency_ms else [])]
    except httpx.HTTPError as error:
        return [_failed("golden", f"no answer: {error!r}")]


def smoke_without_golden(url: str, version: str, reason: str) -> list[Check]:
    """What can be asked of a release whose golden rows are not here: what needs them is skipped, for `reason`."""
    import httpx

    try:
        headers = {"content-type": "application/json", **PROBE}
        refusal = httpx.post(f"{url}/predict", content=BROKEN, headers=headers, timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        return [_failed("version", f"no answer: {error!r}")]
    titles = {"golden": "The golden rows score as at build time", "latency": "Single rows are answered in time"}
    golden, latency = (Check(id=name, title=said, status="skip", evidence=reason) for name, said in titles.items())
    return [_version(refusal, version), golden, _contract(refusal), latency]


def said_version(url: str) -> str:
    """The version that answers at `url`, in words where there is none."""
    import httpx

    try:
        headers = {"content-type": "application/json", **PROBE}
        answer = httpx.post(f"{url}/predict", content=BROKEN, headers=headers, timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        return f"nothing: {error}"
    return str(answer.headers.get("x-model-version", f"no version, but {answer.status_code}"))


def _version(answer: Any, version: str) -> Check:
    said = answer.headers.get("x-model-version", "nothing")
    good = said == version
    return Check(
        id="version", title="The answer names the version", status="pass" if good else "fail",
        evidence=f"x-model-version: {said}" + ("" if good else f", not {version}"),
        mend="" if good else "something else answers there, or front.py in mlgate.serving was changed: deploy it again",
    )  # fmt: skip


def _golden(answer: Any, expected: Sequence[Any]) -> Check:
    if answer.status_code != 200:
        return _failed("golden", f"the golden rows were answered by {answer.status_code}: {answer.text[:200]}")
    try:
        scores = [_numbers(prediction) for prediction in answer.json()["predictions"]]
        wanted = [_numbers(score) for score in expected]
        pairs = [zip(one, other, strict=True) for one, other in zip(scores, wanted, strict=True)]
        gaps = [abs(a - b) / max(1.0, abs(b)) for pair in pairs for a, b in pair]
    except (ValueError, KeyError, TypeError) as error:
        return _failed("golden", f"the answer to the golden rows cannot be compared: {error}")
    worst = max(gaps) if all(map(math.isfinite, gaps)) else math.inf
    good = worst <= TOLERANCE
    evidence = f"{len(wanted)} rows, largest difference {worst:.2g}"
    return Check(id="golden", title="The golden rows score as at build time", status="pass" if good else "fail",
                 observed=worst if math.isfinite(worst) else None, threshold=TOLERANCE, evidence=evidence,
                 mend="" if good else SKEW)  # fmt: skip


def _contract(refusal: Any) -> Check:
    good = 400 <= refusal.status_code < 500
    return Check(id="contract", title="Nonsense is refused", status="pass" if good else "fail",
                 evidence=f"an unknown column was answered by {refusal.status_code}",
                 mend="" if good else "refuse what the contract does not name: mlgate.serving.rows does")  # fmt: skip


def _latency(client: Any, rows: Sequence[Any], most: float) -> Check:
    """The 95th percentile of single rows, one after the other; given up where it can only be worse than `most`."""
    taken: list[float] = []
    while len(taken) < SINGLE and sum(ms > most for ms in taken) <= SLOW:
        started = time.perf_counter()
        client.post("/predict", json={"rows": [rows[len(taken) % len(rows)]]}, headers=PROBE)
        taken.append((time.perf_counter() - started) * 1e3)
    p95 = sorted(taken)[-SLOW - 1]
    evidence = f"{len(taken)} single rows: median {statistics.median(taken):.1f} ms, p95 {p95:.1f} ms"
    if len(taken) < SINGLE:
        evidence = (
            f"{SLOW + 1} of the first {len(taken)} single rows took {p95:.1f} ms or longer, and {most:g} is the most"
        )
    return Check(id="latency", title="Single rows are answered in time", status="pass" if p95 <= most else "fail",
                 observed=p95, threshold=most, unit="ms", evidence=evidence,
                 mend="" if p95 <= most else "find what is slow, or raise deploy.latency_ms")  # fmt: skip


def _numbers(value: Any) -> list[float]:
    """The scores in a prediction or in a recorded score, in one order: one number, or one per class."""
    if isinstance(value, dict):
        if "score" in value or "prediction" in value:
            return [float(value["score"] if "score" in value else value["prediction"])]
        value = value.get("scores", value)
    if isinstance(value, dict):
        value = [value[name] for name in sorted(value)]
    return [float(number) for number in value] if isinstance(value, list) else [float(value)]


def _failed(name: str, evidence: str) -> Check:
    mend = "look at its last words: `mlgate serve --env ENV --logs`, or the job's log"
    return Check(id=name, title="The golden rows score as at build time", status="fail", evidence=evidence, mend=mend)
