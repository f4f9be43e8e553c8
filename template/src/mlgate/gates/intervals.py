"""How far a metric's value, or the difference of two models, may be from the truth; the method per metric was measured.

| metric | interval of the value |
|---|---|
| average_precision, roc_auc, fewer than 500 units of the rarer class | studentised bootstrap (gates/bootstrap.py) |
| average_precision, roc_auc from 500; accuracy | t on the logit scale |
| log_loss, brier, mae, rmse (through the MSE), r2 (through log(1 - R²)) | t with Hall's correction for skewness |

Differences are paired: t with the influence functions' difference. Coverage of each: docs/gates.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mlgate.errors import DataError
from mlgate.gates import bootstrap
from mlgate.gates.metrics import Metric
from mlgate.gates.sample import Sample, TooFew, require_enough, sample

Array = NDArray[Any]
ENOUGH_FOR_LOGIT = 500
__all__ = ["Interval", "TooFew", "difference", "interval", "standard_error"]


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds, each one-sided at the confidence asked for.

    Attributes
    ----------
    se : standard error; df : degrees of freedom of t; clusters : 0 where rows are independent
    """

    value: float
    low: float
    high: float
    se: float
    method: str
    clusters: int
    df: int


def unit_sums(psi: Array, rows: Sample) -> Array:
    """Influence summed by what is independent: (clusters,), or (n,) as it is."""
    return psi if rows.codes is None else np.bincount(rows.codes, weights=psi, minlength=rows.clusters)


def standard_error(psi: Array, rows: Sample) -> float:
    """Standard error of a metric from its influence function (n,).

    Clusters: sums by cluster, times G / (G - 1). Independent rows of a binary task: each class c of n_c rows times
    n_c / (n_c - 1), which for the AUC is exactly DeLong's variance.
    """
    n = len(psi)
    squares = unit_sums(psi, rows) ** 2
    if rows.codes is not None or rows.task != "binary":
        return float(np.sqrt(squares.sum() * rows.units / (rows.units - 1)) / n)
    positive = rows.y == 1
    parts = [(squares[side].sum(), int(side.sum())) for side in (positive, ~positive)]
    return float(np.sqrt(sum(total * count / max(count - 1, 1) for total, count in parts)) / n)


def interval(y: Array, s: Array, clusters: Array | None, metric: Metric, confidence: float) -> Interval:
    """The value of a metric with a lower and an upper bound, each wrong with probability 1 - `confidence`.

    Parameters
    ----------
    y, s : (n,) labels and (n,) or (n, classes) scores, see `gates.sample`
    clusters : (n,) keys of dependent rows, or None where rows are independent

    Raises
    ------
    TooFew
        With how many are needed.
    DataError
        Where labels, scores and clusters can't be judged, or the standard error is 0.
    """
    rows = sample(y, s, clusters, metric.tasks)
    value, psi = metric.value(rows.y, rows.s), metric.influence(rows.y, rows.s)
    require_enough(rows, metric.name, value)
    se = standard_error(psi, rows)
    if not se > 1e-15 * max(1.0, abs(value)):
        raise DataError(
            f"{metric.name} is {value:g} with a standard error of 0: every row counts alike",
            "look for a target that leaks into the features, or for scores that are all the same",
        )
    df = rows.scarcest - 1
    low, high, method = _bounds(rows, metric, value, se, psi, df, confidence)
    return Interval(value, low, high, se, method, rows.clusters, df)


def difference(
    y: Array, challenger: Array, champion: Array, clusters: Array | None, metric: Metric, confidence: float
) -> Interval:
    """Challenger minus champion on the same rows, signed so that higher is better for the challenger.

    t with df = units of the rarer class - 1 (binary) or units - 1, units being clusters, or else rows. Identical scores
    give 0 with se 0; any other se of 0 is a DataError.
    """
    new = sample(y, challenger, clusters, metric.tasks, "the challenger")
    old = sample(y, champion, clusters, metric.tasks, "the champion")
    if new.s.shape != old.s.shape:
        raise DataError(
            f"scores of shape {new.s.shape} against {old.s.shape}", "the classes changed: see docs/gates.md"
        )
    values = metric.value(new.y, new.s), metric.value(old.y, old.s)
    require_enough(new, metric.name, max(values))
    df = new.scarcest - 1
    if np.array_equal(new.s, old.s):
        return Interval(0.0, 0.0, 0.0, 0.0, "identical predictions", new.clusters, df)
    gap = metric.sign * (values[0] - values[1])
    se = standard_error(metric.influence(new.y, new.s) - metric.influence(old.y, old.s), new)
    if not se > 1e-15:
        raise DataError(
            "the models differ, but by the same amount in every row (standard error 0)",
            "look at the scores of both models; no sample can judge this difference",
        )
    reach = float(stats.t.ppf(confidence, df)) * se
    return Interval(gap, gap - reach, gap + reach, se, "paired t", new.clusters, df)


def mean_interval(values: Array, confidence: float) -> tuple[float, float | None, float | None]:
    """Mean of independent values in [0, 1], such as one a day, with t bounds; None where one value gives no spread."""
    value = float(values.mean())
    if len(values) < 2:
        return value, None, None
    reach = float(stats.t.ppf(confidence, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return value, max(0.0, value - reach), min(1.0, value + reach)


def _bounds(
    rows: Sample, metric: Metric, value: float, se: float, psi: Array, df: int, confidence: float
) -> tuple[float, float, str]:
    if metric.kernel is not None and rows.scarcest < ENOUGH_FOR_LOGIT:
        return *bootstrap.bounds(rows, metric.kernel, value, se, confidence), "studentised bootstrap"
    t = float(stats.t.ppf(confidence, df))
    if metric.family == "rank" or metric.name == "accuracy":
        centre, reach = np.log(value / (1 - value)), t * se / (value * (1 - value))
        low, high = (1 / (1 + np.exp(-edge)) for edge in (centre - reach, centre + reach))
        return float(low), float(high), "logit t"
    if metric.name == "rmse":  # the mean squared error is a mean; its root keeps the order of the bounds
        low, high = _hall(value**2, 2 * value * se, 2 * value * unit_sums(psi, rows), t)
        return float(np.sqrt(max(low, 0.0))), float(np.sqrt(high)), "Hall's t on the MSE"
    if metric.name == "r2":  # 1 - R² is a ratio of means, whose logarithm is closer to symmetric
        rest = 1 - value
        low, high = _hall(float(np.log(rest)), se / rest, -unit_sums(psi, rows) / rest, t)
        return float(1 - np.exp(high)), float(1 - np.exp(low)), "Hall's t on log(1 - R²)"
    low, high = _hall(value, se, unit_sums(psi, rows), t)
    return (max(low, 0.0) if not metric.higher_is_better else low), high, "Hall's t"


def _hall(value: float, se: float, psi: Array, t: float) -> tuple[float, float]:
    """Bounds after the cubic transformation that removes skewness (Hall 1992, J. R. Stat. Soc. B 54:221)."""
    centred = psi - psi.mean()
    skew = float((centred**3).mean() / (centred**2).mean() ** 1.5) / np.sqrt(len(psi))
    if abs(skew) < 1e-9:
        return value - t * se, value + t * se

    def undo(edge: float) -> float:
        return float(3 / skew * (np.cbrt(1 + skew * (edge - skew / 6)) - 1))

    return value - se * undo(t), value - se * undo(-t)
