"""The floor: the model itself must be good enough, with what the sample leaves unsure counted against it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from mlgate.errors import DataError
from mlgate.gates.intervals import Interval, interval
from mlgate.gates.metrics import Metric
from mlgate.report import Check

Array = NDArray[Any]


def floor_gate(
    y: Array,
    s: Array,
    clusters: Array | None,
    metric: Metric,
    threshold: float,
    confidence: float,
    known: Interval | None = None,
) -> Check:
    """Pass where the bound on the bad side of the metric clears `threshold`; `error` where nothing can be said.

    Parameters
    ----------
    y, s, clusters : as `intervals.interval`
    threshold : in the metric's unit; the lower bound must reach it, or the upper bound where lower is better
    confidence : one-sided, for example .975
    known : what `interval` of the same arguments gave, where it was asked before
    """
    check = Check(id="floor", title=f"{metric.name} clears its floor", status="error", threshold=threshold)
    check.unit = metric.name
    try:
        found = known or interval(y, s, clusters, metric, confidence)
    except DataError as error:
        check.evidence, check.mend = str(error), error.mend
        return check
    bound, side = (found.low, "lower") if metric.higher_is_better else (found.high, "upper")
    check.observed, check.interval = found.value, (found.low, found.high)
    check.status = "pass" if metric.sign * bound >= metric.sign * threshold else "fail"
    by = f", {found.clusters:,} clusters" if found.clusters else ""
    check.evidence = f"{side} bound {bound:.4g} ({found.method}, {100 * confidence:g} % one-sided{by})"
    if check.status == "fail":
        check.mend = "improve the model or its data; the floor is gates.floor.threshold in params.yaml"
    return check
