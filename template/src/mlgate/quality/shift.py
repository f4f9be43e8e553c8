"""How far the columns of one data version are from those of another: sizes for people to read, not verdicts.

Live traffic is judged by `mlgate.drift`, whose thresholds are calibrated. Two data versions differ on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

CELLS = 10
SMALL, CHANCE = 0.02, 0.001


@dataclass(frozen=True)
class Shift:
    """One column that both versions have.

    Attributes
    ----------
    size
        Total variation between the two, 0 (equal shares) to 1 (nothing in common). Numbers and times are cut at the
        deciles, minimum and maximum of the old version; what is missing is a value of its own.
    chance
        Of a table of counts at least as uneven, if rows were independent and drawn alike (Pearson's chi-square).
    """

    column: str
    size: float
    chance: float

    @property
    def seen(self) -> bool:
        """Two points of share at least, and hardly by chance."""
        return self.size >= SMALL and self.chance < CHANCE


def shifts(old: pd.DataFrame, new: pd.DataFrame) -> list[Shift]:
    """The shift of each column in both frames, those that are seen first, then by size; none where rows are missing."""
    if old.empty or new.empty:
        return []
    found = [_shift(str(name), old[name], new[name]) for name in old.columns if name in new.columns]
    return sorted(found, key=lambda shift: (not shift.seen, -shift.size))


def _shift(name: str, old: pd.Series[Any], new: pd.Series[Any]) -> Shift:
    from scipy.stats import chi2_contingency

    left, right = _codes(old, new)
    cells = int(max(left.max(), right.max())) + 1
    counts = np.array([np.bincount(left, minlength=cells), np.bincount(right, minlength=cells)])
    counts = counts[:, counts.any(axis=0)]
    shares = counts / counts.sum(axis=1, keepdims=True)
    chance = float(chi2_contingency(counts, correction=False).pvalue) if counts.shape[1] > 1 else 1.0
    return Shift(name, float(np.abs(shares[0] - shares[1]).sum() / 2), chance)


def _codes(old: pd.Series[Any], new: pd.Series[Any]) -> tuple[Any, Any]:
    """The cell of each value of both columns, counted from 0; 0 is for what is missing."""
    both = [_numbers(column) for column in (old, new)]
    left, right = both
    if left is None or right is None:
        codes, _ = pd.factorize(pd.concat([old.astype("str"), new.astype("str")], ignore_index=True))
        return codes[: len(old)] + 1, codes[len(old) :] + 1
    known = left[np.isfinite(left)]
    edges = np.quantile(known, np.linspace(0, 1, CELLS + 1)) if len(known) else np.empty(0)
    edges = np.unique([*edges, *np.nextafter(edges[-1:], np.inf)])  # the last one ends the largest old value's cell
    cut = [np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="right") + 1) for values in (left, right)]
    return cut[0], cut[1]


def _numbers(column: pd.Series[Any]) -> Any:
    """The column as float64 with NaN where it is missing, or None where it is text."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.astype("int64").where(column.notna(), np.nan).to_numpy(dtype=np.float64)
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return None
