"""The metrics a gate can judge: value and influence of each, and which direction is better.

Values equal scikit-learn's to 1e-12, ties included; scikit-learn gives no influence functions, hence our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlgate.errors import ConfigError
from mlgate.gates import influence as psi

Array = NDArray[Any]
Family = Literal["rank", "mean", "moment"]
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Metric:
    """One number about a model, and how each row moves it.

    Attributes
    ----------
    tasks : which of binary, multiclass, regression it fits
    family : `rank` (by order of scores), `mean` (of a loss a row), `moment` (smooth in means)
    bounded : values lie in (0, 1)
    value : (y, s) -> float
    influence : (y, s) -> (n,) with mean 0
    kernel : rank metrics only: value and influence from counts a cell
    """

    name: str
    tasks: tuple[str, ...]
    higher_is_better: bool
    family: Family
    bounded: bool
    value: Callable[[Array, Array], float]
    influence: Callable[[Array, Array], Array]
    kernel: psi.Kernel | None = None

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 otherwise: `sign · value` is always better when higher."""
        return 1 if self.higher_is_better else -1


def log_loss(y: Array, s: Array) -> Array:
    """-log of the probability (n,) given to what happened, clipped to [eps, 1 - eps] as scikit-learn does."""
    given = s[np.arange(len(y)), y.astype(np.intp)] if s.ndim == 2 else np.where(y == 1, s, 1 - s)
    return np.asarray(-np.log(np.clip(given, EPSILON, 1 - EPSILON)))


def brier(y: Array, s: Array) -> Array:
    """Squared distance (n,) of the probability from the outcome."""
    return np.asarray((s - y) ** 2)


def accuracy(y: Array, s: Array) -> Array:
    """1 where the likeliest class is the right one, (n,); of equally likely classes the first counts."""
    return np.asarray(s.argmax(axis=1) == y, dtype=np.float64)


def mae(y: Array, s: Array) -> Array:
    """Absolute error (n,)."""
    return np.asarray(np.abs(y - s))


def _rank(name: str, kernel: psi.Kernel) -> Metric:
    value, each = partial(psi.rank_value, kernel), partial(psi.rank_influence, kernel)
    return Metric(name, ("binary",), True, "rank", True, value, each, kernel)


def _mean(name: str, tasks: tuple[str, ...], higher: bool, bounded: bool, loss: Callable[..., Array]) -> Metric:
    def value(y: Array, s: Array) -> float:
        return float(loss(y, s).mean())

    def each(y: Array, s: Array) -> Array:
        row = loss(y, s)
        return np.asarray(row - row.mean())

    return Metric(name, tasks, higher, "mean", bounded, value, each)


def _rmse(y: Array, s: Array) -> float:
    return float(np.sqrt(((y - s) ** 2).mean()))


def _r2(y: Array, s: Array) -> float:
    return float(1 - ((y - s) ** 2).sum() / ((y - y.mean()) ** 2).sum())


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _rank("average_precision", psi.average_precision),
        _rank("roc_auc", psi.roc_auc),
        _mean("log_loss", ("binary", "multiclass"), False, False, log_loss),
        _mean("brier", ("binary",), False, True, brier),
        _mean("accuracy", ("multiclass",), True, True, accuracy),
        Metric("rmse", ("regression",), False, "moment", False, _rmse, psi.rmse),
        _mean("mae", ("regression",), False, False, mae),
        Metric("r2", ("regression",), True, "moment", False, _r2, psi.r2),
    )
}


def for_task(task: str) -> dict[str, Metric]:
    """The metrics of a task by name."""
    return {name: metric for name, metric in METRICS.items() if task in metric.tasks}


def find(name: str, task: str) -> Metric:
    """The metric of that name; ConfigError where there is none or where it does not fit the task."""
    fitting = for_task(task)
    if name not in fitting:
        raise ConfigError(
            f"params.yaml: gates.metric: {name!r} is no metric of a {task} task",
            f"choose one of {', '.join(fitting)}",
        )
    return fitting[name]


def precision_at_capacity(y: Array, s: Array, days: Array, capacity: int) -> Array:
    """Precision among the `capacity` highest scores of each day, (days,).

    Of rows that tie at the last place each counts in part, as if drawn by lot. A day with fewer rows takes all.

    Parameters
    ----------
    y, s : (n,) labels 0 or 1, scores
    days : (n,) anything that names the day of a row
    capacity : cases that people can review a day
    """
    codes = np.unique(days, return_inverse=True)[1]
    order = np.lexsort((-s, codes))
    y, s, codes = y[order], s[order], codes[order]
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    sizes = np.diff(np.r_[starts, len(y)])
    taken = np.minimum(sizes, capacity)
    last = s[starts + taken - 1][codes]
    above, tied = s > last, s == last
    sure, found = (np.bincount(codes, weights=w) for w in (above, above * y))
    at, right = (np.bincount(codes, weights=w) for w in (tied, tied * y))
    return np.asarray((found + (taken - sure) * right / at) / taken)
