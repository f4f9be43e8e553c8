"""What a gate judges: labels, scores and clusters that fit together, or an error that says why they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlgate.errors import DataError

Array = NDArray[Any]
FEWEST = {"class": 50, "class, AUC above .97": 200, "clusters": 100, "rows": 100}
NEAR_PERFECT_AUC = 0.97


class TooFew(DataError):  # noqa: N818 - reads as what it says
    """There are not enough independent cases for a verdict; the message says how many are needed."""


@dataclass(frozen=True)
class Sample:
    """Labels, scores and clusters of n rows that fit together.

    Attributes
    ----------
    y : (n,) float
        Binary: 0 or 1. Multiclass: class index. Regression: the target.
    s : (n,) or (n, classes) float
        Scores as `mlgate.gates.scoring.score` gives them.
    codes : (n,) int or None
        Cluster of each row as 0 … `clusters` - 1; None where rows are independent.
    """

    y: Array
    s: Array
    codes: Array | None
    task: str

    @property
    def clusters(self) -> int:
        """Number of clusters; 0 where rows are independent."""
        return 0 if self.codes is None else int(self.codes.max()) + 1

    @property
    def units(self) -> int:
        """What is independent of one another: clusters, or else rows."""
        return self.clusters or len(self.y)

    def units_with(self, label: int) -> int:
        """How many independent units (clusters, or else rows) hold at least one row of this class."""
        rows = self.y == label
        return int(rows.sum()) if self.codes is None else len(np.unique(self.codes[rows]))

    @property
    def scarcest(self) -> int:
        """Binary: units that hold the rarer class; otherwise units. Degrees of freedom are one less."""
        return min(self.units_with(1), self.units_with(0)) if self.task == "binary" else self.units


def sample(y: Array, s: Array, clusters: Array | None, tasks: tuple[str, ...], who: str = "the model") -> Sample:
    """Check that labels, scores and clusters fit together and are what a metric of these tasks can take.

    Raises
    ------
    DataError
        For empty input, lengths that differ, NaN or infinity, probabilities outside [0, 1] or that do not sum to 1,
        labels that are no class, one class only, a constant regression target, rows without a cluster.
    """
    y, s = np.asarray(y), np.asarray(s)
    if len(y) == 0:
        raise DataError("there are no rows to judge", "check the holdout in params.yaml, then run `mlgate train`")
    if len(s) != len(y):
        raise DataError(f"{who} has {len(s):,} scores for {len(y):,} rows", "score every row of the holdout once")
    y, s = _finite(y, "the target"), _finite(s, f"the score of {who}")
    task = "multiclass" if s.ndim == 2 else "binary" if "binary" in tasks else "regression"
    if s.ndim not in (1, 2) or y.ndim != 1 or task not in tasks:
        raise DataError(f"{who} has scores of shape {s.shape}, which do not fit this metric", "choose gates.metric")
    _CHECKS[task](y, s, who)
    return Sample(y, s, _codes(clusters, len(y)), task)


def require_enough(rows: Sample, metric: str = "", value: float = 0.0) -> None:
    """Raise TooFew where the sample is smaller than what interval coverage was measured for (docs/gates.md)."""
    if rows.codes is not None and rows.clusters < FEWEST["clusters"]:
        raise TooFew(f"{rows.clusters} clusters; a verdict needs {FEWEST['clusters']}", "widen split.holdout")
    if rows.task != "binary":
        if len(rows.y) < FEWEST["rows"]:
            raise TooFew(f"{len(rows.y)} rows; a verdict needs {FEWEST['rows']}", "widen split.holdout")
        return
    near_perfect = metric == "roc_auc" and value > NEAR_PERFECT_AUC
    needed = FEWEST["class, AUC above .97" if near_perfect else "class"]
    for label, name in ((1, "positives"), (0, "negatives")):
        found, held = int((rows.y == label).sum()), rows.units_with(label)
        if held < needed:
            where = f" in {held} clusters" if rows.codes is not None else ""
            why = f" at an AUC of {value:.3f}" if near_perfect else ""
            raise TooFew(f"{found} {name}{where}; a verdict needs {needed}{why}", "widen split.holdout")


def _finite(values: Array, name: str) -> Array:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{name} is not a number in every row", "train again: `mlgate train`")
    values = values.astype(np.float64)
    wrong = ~np.isfinite(values) if values.ndim == 1 else ~np.isfinite(values).all(axis=1)
    if wrong.any():
        raise DataError(
            f"{name} is NaN or infinite in {int(wrong.sum()):,} rows, first in row {int(wrong.argmax())}",
            "look at that row's features; a model must answer every row",
        )
    return values


def _binary(y: Array, s: Array, who: str) -> None:
    if not np.isin(y, (0, 1)).all():
        raise DataError("the target has values other than 0 and 1", "check data.positive in params.yaml")
    if y.min() == y.max():
        raise DataError(f"every target is {int(y[0])}: one class only", "widen split.holdout until it holds both")
    _probabilities(s, who)


def _multiclass(y: Array, s: Array, who: str) -> None:
    if not (np.equal(y, np.floor(y)).all() and y.min() >= 0 and y.max() < s.shape[1]):
        raise DataError(f"the target holds values other than the classes 0 … {s.shape[1] - 1}", "run `mlgate train`")
    if y.min() == y.max():
        raise DataError(f"every target is class {int(y[0])}: one class only", "widen split.holdout")
    _probabilities(s, who)
    if np.abs(s.sum(axis=1) - 1).max() > 1e-5:
        raise DataError(f"the probabilities of {who} do not sum to 1", "return predict_proba as it is")


def _regression(y: Array, s: Array, who: str) -> None:
    if y.min() == y.max():
        raise DataError(f"every target is {y[0]:g}", "a constant needs no model; check data.target")


def _probabilities(s: Array, who: str) -> None:
    if s.min() < 0 or s.max() > 1:
        raise DataError(f"{who} has scores from {s.min():g} to {s.max():g}, outside [0, 1]", "return probabilities")


_CHECKS: dict[str, Callable[[Array, Array, str], None]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "regression": _regression,
}


def _codes(clusters: Array | None, rows: int) -> Array | None:
    if clusters is None:
        return None
    clusters = np.asarray(clusters)
    if clusters.shape != (rows,):
        raise DataError(f"there are {len(clusters):,} cluster keys for {rows:,} rows", "run `mlgate train` again")
    if clusters.dtype.kind not in "iuUS":
        raise DataError("rows without a cluster key", "fill data.cluster, or set it to null to declare independence")
    return np.unique(clusters, return_inverse=True)[1]
