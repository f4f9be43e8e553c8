"""What the champion gate can see before it looks: how often a model as good as the champion would pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mlgate.gates.intervals import standard_error
from mlgate.gates.metrics import Metric
from mlgate.gates.sample import Sample, require_enough, sample
from mlgate.report import Check

Array = NDArray[Any]
RULE = {"average_precision": 0.25, "roc_auc": 0.10}  # se of a difference times √positives, two models correlated .9
CORRELATION = 0.9
WANTED = 0.80


@dataclass(frozen=True)
class Power:
    """What a margin can do: expected standard error of the difference, and the pass rate of an equal model."""

    se: float
    df: int
    passes: float
    needed: float
    sentence: str


def pass_rate(margin: float, se: float, df: int, confidence: float) -> float:
    """Φ(margin / se - t): how often a model equal to the champion passes; 1 where se is 0."""
    return float(stats.norm.cdf(margin / se - stats.t.ppf(confidence, df))) if se > 0 else 1.0


def expected_se(rows: Sample, metric: Metric) -> float:
    """Standard error of the difference to expect, before the champion's scores are seen.

    Rank metrics: the rule .25 / √positives (average precision) or .10 / √positives (AUC), where dependence within
    clusters divides the rarer class by the design effect of the challenger's own value (never below 1). Others: two
    models correlated .9 differ with se(value) · √(2 (1 - .9)).
    """
    psi = metric.influence(rows.y, rows.s)
    se = standard_error(psi, rows)
    if metric.name not in RULE:
        return se * math.sqrt(2 * (1 - CORRELATION))
    independent = standard_error(psi, Sample(rows.y, rows.s, None, rows.task))
    effect = max(1.0, (se / independent) ** 2) if independent > 0 else 1.0
    rarer = min(int((rows.y == 1).sum()), int((rows.y == 0).sum()))
    return RULE[metric.name] * math.sqrt(effect / rarer)


def power(y: Array, s: Array, clusters: Array | None, metric: Metric, margin: float, confidence: float) -> Power:
    """What the champion gate with this margin can see on these rows; `s` are the challenger's scores."""
    rows = sample(y, s, clusters, metric.tasks, "the challenger")
    require_enough(rows, metric.name, metric.value(rows.y, rows.s))
    se, df = expected_se(rows, metric), rows.scarcest - 1
    passes = pass_rate(margin, se, df, confidence)
    needed = (float(stats.t.ppf(confidence, df)) + float(stats.norm.ppf(WANTED))) * se
    return Power(se, df, passes, needed, _sentence(rows, margin, passes, needed))


def power_check(
    y: Array,
    s: Array,
    clusters: Array | None,
    metric: Metric,
    margin: float,
    confidence: float,
    *,
    first_release: bool = False,
) -> Check:
    """The check `power`: fails where the margin is below 1.96 se (at .975), passes with a warning below 2.8 se.

    On a first release there is nothing to compare with: the same numbers, as a skip.

    Raises
    ------
    DataError
        As `intervals.interval`.
    """
    found = power(y, s, clusters, metric, margin, confidence)
    refused = margin < float(stats.norm.ppf(confidence)) * found.se
    check = Check(id="power", title="The champion gate can see its margin", status="fail" if refused else "pass")
    check.observed, check.threshold, check.unit = margin, found.needed, metric.name
    check.evidence = found.sentence
    if first_release:
        check.status, check.evidence = "skip", f"no champion yet; from the next release on: {found.sentence}"
    elif refused:
        check.mend = (
            f"raise gates.champion.margin to {np.ceil(found.needed * 1000) / 1000:g}, or widen split.holdout to "
            f"{math.ceil((found.needed / margin) ** 2):,} times as many cases"
        )
    elif margin < found.needed:
        check.evidence = f"warning: {found.sentence}"
    return check


def _sentence(rows: Sample, margin: float, passes: float, needed: float) -> str:
    what = f"{int((rows.y == 1).sum()):,} positives" if rows.task == "binary" else f"{len(rows.y):,} rows"
    held = f" in {rows.units_with(1) if rows.task == 'binary' else rows.clusters:,} clusters" if rows.clusters else ""
    return (
        f"{what}{held}: a margin of {margin:.3g} would pass an equal model in {100 * passes:.0f} % of cases; "
        f"{100 * WANTED:.0f} % needs {needed:.3g}"
    )
