"""What the service counts for /metrics, beside what BentoML counts already."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge


@dataclass(frozen=True)
class Counters:
    predictions: Counter
    scores: Counter
    refused: Counter
    logged: Counter
    history: Counter
    fast: Gauge


@functools.cache
def counters() -> Counters:
    """The counters of this process; imported late, as prometheus_client looks at once for its shared folder."""
    from prometheus_client import Counter, Gauge

    made = Counters(
        predictions=Counter("mlgate_predictions", "Predictions answered", ["version"]),
        scores=Counter(
            "mlgate_scores", "Scores by the lower end of their cell, or answers by class", ["version", "cell"]
        ),
        refused=Counter("mlgate_requests_refused", "Requests answered with an error, by status", ["status"]),
        logged=Counter("mlgate_prediction_log", "Predictions written to the log, or dropped", ["outcome"]),
        history=Counter("mlgate_history_trouble", "Times that the environment's history could not be used"),
        fast=Gauge(
            "mlgate_fast_path",
            "Whether a part is computed without frames, and why not",
            ["part", "reason"],
            multiprocess_mode="max",
        ),
    )
    for outcome in ("written", "dropped"):
        made.logged.labels(outcome)
    return made
