"""How far two tables of counts are apart, and how surprising that is for independent rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from mlgate.drift.cells import Floats, Ints, Kind

ASPECTS = ("distribution", "missing", "novelty", "tails")
_TAIL = 0.02  # of the reference, at either end of a number
_EXPECTED = 5.0  # of a cell; rarer ones are pooled for the chi-square


def floors(kind: Kind) -> Floats:
    """The smallest effects worth a word, as in ASPECTS.

    Mean |ΔF| .014 is about a twentieth of a standard deviation, total variation .02; one point more missing; half a
    percent of categories never seen (2 % of numbers, which always reach a little further); half a point more in a tail.
    """
    return np.array([0.02, 0.01, 0.005, 0.005]) if kind == "category" else np.array([0.014, 0.01, 0.02, 0.005])


def effects(kind: Kind, reference: Ints, current: Ints) -> Floats:
    """Effect sizes of `current` (…, width) against `reference` (…, width); (…, 4) as in ASPECTS.

    Distribution: mean |F - G| over both (numbers) or total variation (categories), of the values that are present.
    Missing: its share more than in the reference. Novelty: the share in cells where the reference has nothing.
    Tails: how much more lies where the lowest or the highest 2 % of the reference were; a few rows that moved far,
    such as a new kind of fraud among the scores, hardly move a distribution.
    """
    p, q = _shares(reference), _shares(current)
    tails = np.zeros(p.shape[:-1])
    if kind == "category":
        distribution = np.abs(p - q).sum(axis=-1) / 2
    else:
        tails = np.max([np.where(tail, q - p, 0.0).sum(axis=-1) for tail in _tails(p)], axis=0)
        apart = np.abs(np.cumsum(p, axis=-1) - np.cumsum(q, axis=-1))
        distribution = (apart * (p + q) / 2).sum(axis=-1)
    empty = (reference[..., :-2].sum(axis=-1) == 0) | (current[..., :-2].sum(axis=-1) == 0)
    missing = _share(current[..., -1], current) - _share(reference[..., -1], reference)
    novelty = _share(_novel(reference, current), current)
    distribution, tails = np.where(empty, 0.0, distribution), np.where(empty, 0.0, tails)
    return np.stack([distribution, missing, novelty, tails], axis=-1)


def p_values(kind: Kind, reference: Ints, current: Ints) -> Floats:
    """P-values of `current` (width,) against `reference` (width,), as in ASPECTS, were the rows independent.

    Novelty is set against the values that the reference has exactly once: about as many rows bring a new one by chance
    (Good 1953, "The population frequencies of species", equation 9).
    """
    a, b = reference[:-2].astype(float), current[:-2].astype(float)
    if a.sum() == 0 or b.sum() == 0:
        distribution = 1.0
    else:
        distribution = _chi_square(a, b) if kind == "category" else _anderson_darling(a, b)
    n, m = int(current.sum()), int(reference.sum())
    novel, once = int(_novel(reference, current)), int((reference[:-2] == 1).sum())
    missing = _more(int(current[-1]), n, int(reference[-1]), m)
    tails = 1.0
    if kind != "category" and a.sum():
        ends = [(int(b[tail].sum()), int(b.sum()), int(a[tail].sum()), int(a.sum())) for tail in _tails(a / a.sum())]
        tails = min(1.0, 2 * min(_more(*end) for end in ends))
    return np.array([distribution, missing, _more(novel, n, once, m), tails])


def discoveries(p: Floats, rate: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Benjamini-Hochberg: which of the p-values (any shape) are discoveries at this false discovery rate."""
    flat = np.sort(p.ravel())
    below = np.flatnonzero(flat <= rate * np.arange(1, flat.size + 1) / flat.size)
    return p <= (flat[below[-1]] if below.size else -1.0)


def _shares(counts: Ints) -> Floats:
    present: Floats = counts[..., :-2].astype(np.float64)
    return np.asarray(present / np.maximum(present.sum(axis=-1, keepdims=True), 1.0), dtype=np.float64)


def _share(part: Any, counts: Ints) -> Floats:
    return np.asarray(part / np.maximum(counts.sum(axis=-1), 1), dtype=np.float64)


def _tails(p: Floats) -> list[np.ndarray[Any, np.dtype[np.bool_]]]:
    """The cells at the low end and at the high end that hold at most 2 % of the shares p (…, cells)."""
    up = np.cumsum(p, axis=-1)
    return [up <= _TAIL, 1 - up + p <= _TAIL]


def _novel(reference: Ints, current: Ints) -> Any:
    """Rows in cells that the reference never filled, missing apart."""
    return np.where(reference[..., :-1] == 0, current[..., :-1], 0).sum(axis=-1)


def _more(count: int, rows: int, reference: int, reference_rows: int) -> float:
    """Hypergeometric tail (Fisher's exact test, one-sided): so many or more in the window."""
    if count == 0:
        return 1.0
    return float(stats.hypergeom.sf(count - 1, rows + reference_rows, count + reference, rows))


def _chi_square(a: Floats, b: Floats) -> float:
    expected = np.minimum((a + b) * a.sum(), (a + b) * b.sum()) / (a.sum() + b.sum())
    rare = expected < _EXPECTED
    table = np.array([np.append(x[~rare], x[rare].sum()) for x in (a, b)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    return float(stats.chi2_contingency(table, correction=False).pvalue)


def _anderson_darling(a: Floats, b: Floats) -> float:
    """Two-sample Anderson-Darling on bins: A² = nm/N Σ h (F - G)² / (H (1 - H)), h the pooled share of each bin.

    On bins with ties A² is a weighted sum of chi-squares. Its tail follows from the first four cumulants
    (H. Liu, Y. Tang, H. H. Zhang, Computational Statistics & Data Analysis 53, 2009, with central weights).
    """
    n, m = a.sum(), b.sum()
    h = (a + b) / (n + m)
    kept = h > 0
    h, up = h[kept][:-1], np.cumsum(h[kept])[:-1]
    if not len(h):
        return 1.0
    apart = (np.cumsum(a[kept]) / n - np.cumsum(b[kept]) / m)[:-1]
    weight = h / (up * (1 - up))
    statistic = n * m / (n + m) * float((weight * apart**2).sum())
    root = np.sqrt(weight)
    covariance = (np.minimum.outer(up, up) - np.outer(up, up)) * np.outer(root, root)
    return _weighted_chi_square_tail(statistic, covariance)


def _weighted_chi_square_tail(value: float, covariance: Floats) -> float:
    square = covariance @ covariance
    c1, c2 = float(np.trace(covariance)), float((covariance * covariance).sum())
    c3, c4 = float((square * covariance).sum()), float((square * square).sum())
    s1, s2 = c3 / c2**1.5, c4 / c2**2
    if s1**2 > s2:
        a = 1 / (s1 - np.sqrt(s1**2 - s2))
        delta = s1 * a**3 - a**2
        freedom = a**2 - 2 * delta
    else:
        a, delta, freedom = 1 / s1, 0.0, 1 / s1**2
    place = (value - c1) / np.sqrt(2 * c2) * np.sqrt(2) * a + freedom + delta
    if place <= 0:
        return 1.0
    return float(stats.ncx2.sf(place, freedom, delta) if delta > 0 else stats.chi2.sf(place, freedom))
