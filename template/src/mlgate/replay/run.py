"""Sends traffic to a running environment in order, waits out a restart, and measures the live model on known labels."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

from mlgate.errors import InfraError, MlgateError
from mlgate.project import Project
from mlgate.replay.traffic import Position, Traffic
from mlgate.replay.wire import requests, scores_in
from mlgate.report import Check

PATIENCE = 45.0  # seconds that a service may be away: it is restarted after a crash
ANSWER_SECONDS = 120.0


@dataclass
class Sent:
    """What came of a replay: answered rows and where they stand, their predictions, refused rows."""

    rows: int = 0
    refused: int = 0
    seconds: float = 0.0
    problem: str = ""
    positions: list[int] = field(default_factory=list)
    predictions: list[dict[str, Any]] = field(default_factory=list)


def send(
    project: Project, url: str, traffic: Traffic, position: Position | None, advance: Callable[[int], None]
) -> Sent:
    """Send every row of `traffic`, in order and in batches; `position` remembers how far it came, also when stopped.

    Parameters
    ----------
    advance
        Called after each batch with its rows.

    Raises
    ------
    InfraError
        If the service is away for longer than a restart takes.
    """
    sent, params = Sent(), project.params
    started = time.monotonic()
    done, before = position.read() if position else (None, 0)
    reached = 0
    try:
        with httpx.Client(base_url=url, timeout=ANSWER_SECONDS, trust_env=False) as client:
            for start, stop, body in requests(traffic.rows, params):
                _take(_post(client, body), start, stop, sent)
                reached = stop
                advance(stop - start)
    finally:
        sent.seconds = time.monotonic() - started
        if position and reached:
            moment = done
            if name := params.data.time:
                moment = traffic.rows[name].iloc[reached - 1].to_pydatetime()
                moment = traffic.until if reached == len(traffic.rows) and traffic.until else moment
            position.write(moment, before + reached)
    return sent


def live_metric(project: Project, traffic: Traffic, sent: Sent, labels: list[Any]) -> Check:
    """The primary metric on the answered rows whose labels are known; a skip that says why where it can't be told."""
    from mlgate.gates.intervals import interval
    from mlgate.gates.metrics import find
    from mlgate.table import targets

    params = project.params
    title = f"live {params.gates.metric}"
    rows = traffic.rows.iloc[sent.positions]
    if params.data.target not in rows or rows[params.data.target].isna().any() or not sent.positions:
        return Check(id="metric", title=title, status="skip", evidence="the labels of these rows are not known")
    try:
        metric = find(params.gates.metric, params.data.task)
        y = targets.encode(rows, params, labels)
        if params.data.task == "binary" and len(np.unique(y)) < 2:
            return Check(id="metric", title=title, status="skip", evidence="one class only in these rows")
        scores = scores_in({"predictions": sent.predictions}, labels)
        value = float(metric.value(y, scores))
    except MlgateError as error:
        return Check(id="metric", title=title, status="skip", evidence=str(error))
    check = Check(id="metric", title=title, status="pass", observed=value, unit=metric.name)
    check.evidence = f"{len(rows):,} rows, told not judged"
    if params.data.task == "binary":
        check.evidence = f"{int(y.sum()):,} positives in {check.evidence}"
    cluster = params.data.cluster
    keys = rows[cluster].astype("str").to_numpy(dtype="str") if cluster in rows else None
    try:
        found = interval(y, scores, keys, metric, params.gates.floor.confidence)
        check.interval = (found.low, found.high)
    except MlgateError as error:
        check.evidence += f"; no interval: {error}"
    return check


def _post(client: httpx.Client, body: bytes) -> httpx.Response:
    """One answer; a batch may be sent again while a copy is restarted, as the service knows a row by its identifier."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
            if answer.status_code not in (502, 503):
                return answer
            said = answer.text[:200]
        except httpx.TransportError as error:
            said = repr(error)
        if time.monotonic() > deadline:
            raise InfraError(f"the service is away: {said}", "see `mlgate status` and `mlgate serve --env E --logs`")
        time.sleep(0.25)


def _take(answer: httpx.Response, start: int, stop: int, sent: Sent) -> None:
    if answer.status_code == 200:
        sent.predictions += answer.json()["predictions"]
        sent.positions += range(start, stop)
        sent.rows += stop - start
        return
    sent.refused += stop - start
    sent.problem = sent.problem or f"; rows {start} to {stop}: {answer.status_code} {answer.text[:300]}"
