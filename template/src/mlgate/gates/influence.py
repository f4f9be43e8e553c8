"""How much each row moves a metric: the one quantity from which every standard error of the gates is made.

A metric is a functional of the distribution of rows; its influence function psi has mean 0, and the metric's variance
is var(psi) / n (Hampel 1974; van der Vaart, Asymptotic Statistics, 1998, chapter 20). Rank metrics see a row only by
its class and by which positives it lies above, at or below, so rows fall into at most 2m + 1 cells for m distinct
positive scores. Metrics computed from counts a cell are exact, ties included, and vectorise over resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Kernel = Callable[[Array, Array], tuple[Array, Array, Array]]


def cells(y: Array, s: Array) -> tuple[Array, int]:
    """Place each row by its score among the distinct scores of positives.

    Returns
    -------
    cell : (n,) int
        2j + 1 where the score equals the j-th smallest distinct positive score, 2j where it lies just below it.
    number : int
        Number of cells, 2m + 1.
    """
    found = np.unique(s[y == 1])
    place = np.searchsorted(found, s)
    tied = found[np.minimum(place, len(found) - 1)] == s
    return 2 * place + tied, 2 * len(found) + 1


def count(y: Array, cell: Array, number: int) -> tuple[Array, Array]:
    """Positives and negatives in each cell, (number,) each."""
    positives = np.bincount(cell, weights=y, minlength=number)
    return positives, np.bincount(cell, minlength=number) - positives


def roc_auc(positives: Array, negatives: Array) -> tuple[Array, Array, Array]:
    """Area under the ROC curve from counts a cell, with the influence of a positive and of a negative in each.

    DeLong's placements (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837): for a positive the share of
    negatives below it (ties count half) minus the area; for a negative the share of positives above it minus the area.

    Parameters
    ----------
    positives, negatives : (…, cells) float
        Counts, cells by rising score; leading axes are resamples.

    Returns
    -------
    value : (…,), psi of positives : (…, cells), psi of negatives : (…, cells)
    """
    many, few = positives.sum(-1, keepdims=True), negatives.sum(-1, keepdims=True)
    below = (np.cumsum(negatives, -1) - negatives / 2) / few
    above = 1 - (np.cumsum(positives, -1) - positives / 2) / many
    value = (positives * below).sum(-1, keepdims=True) / many
    total = many + few
    return value[..., 0], (below - value) * (total / many), (above - value) * (total / few)


def average_precision(positives: Array, negatives: Array) -> tuple[Array, Array, Array]:
    """Average precision from counts a cell, with the influence of a positive and of a negative in each.

    With p the share of positives, a(t) and b(t) the shares of positives and of rows scored at least t,
    AP = E[y a(s)/b(s)] / p, and differentiating along a mixture with a point mass gives
    psi = (y (a(s)/b(s) + C(s) - AP) - D(s)) / p, with C(s) = E[y'/b(s'); s' ≤ s], D(s) = E[y' a(s')/b(s')²; s' ≤ s].

    Parameters and returns as `roc_auc`.
    """
    many = positives.sum(-1, keepdims=True)
    total = many + negatives.sum(-1, keepdims=True)
    a = np.cumsum(positives[..., ::-1], -1)[..., ::-1]
    b = np.maximum(a + np.cumsum(negatives[..., ::-1], -1)[..., ::-1], 1)  # 0 only above the highest resampled row
    precision = a / b
    value = (positives * precision).sum(-1, keepdims=True) / many
    each = positives / b
    gain, cost = np.cumsum(each, -1), np.cumsum(each * precision, -1)
    scale = total / many
    return value[..., 0], (precision + gain - value - cost) * scale, -cost * scale


def rank_value(kernel: Kernel, y: Array, s: Array) -> float:
    """A rank metric of n rows: y (n,) of 0 and 1, s (n,) scores."""
    return float(kernel(*count(y, *cells(y, s)))[0])


def rank_influence(kernel: Kernel, y: Array, s: Array) -> Array:
    """Influence (n,) of each row on a rank metric."""
    cell, number = cells(y, s)
    _, up, down = kernel(*count(y, cell, number))
    return np.where(y == 1, up[cell], down[cell])


def rmse(y: Array, s: Array) -> Array:
    """Influence (n,) on the root of the mean squared error, by the delta method: (e² - MSE) / (2 RMSE)."""
    squared = (y - s) ** 2
    mean = squared.mean()
    return np.asarray((squared - mean) / (2 * np.sqrt(mean))) if mean > 0 else np.zeros(len(y))


def r2(y: Array, s: Array) -> Array:
    """Influence (n,) on R² = 1 - MSE / var(y), by the delta method."""
    spread = (y - y.mean()) ** 2
    ratio = ((y - s) ** 2).mean() / spread.mean()
    return np.asarray((ratio * spread - (y - s) ** 2) / spread.mean())
