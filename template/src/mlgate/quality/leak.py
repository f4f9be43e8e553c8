"""How well one feature alone tells the target, whatever the shape of their relation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlgate.params import Task

BINS, SAMPLE = 64, 50_000
Floats = npt.NDArray[np.float64]


def strength(feature: pd.Series[Any], y: npt.NDArray[Any], task: Task) -> float:
    """AUC (mean of one-against-rest for many classes) or R² of the target's mean in each bin of the feature.

    A number's R² is at least that of the ranks: with few rows a bin's mean is a poor copy even of the target itself.

    The means come from every other row, the value from the rows between, so that a feature that merely names rows
    does not look strong. Missing values are a bin of their own; categories are bins.

    Parameters
    ----------
    feature
        n values of any type.
    y
        Targets as numbers, shape (n,): 0/1, class numbers, or floats.
    """
    if len(y) > SAMPLE:
        chosen = np.random.default_rng(0).choice(len(y), SAMPLE, replace=False)
        feature, y = feature.iloc[chosen], y[chosen]
    order = np.random.default_rng(1).permutation(len(y))
    learn, judge = order[::2], order[1::2]
    bins = _bins(feature)
    if task == "regression":
        return max(_r2(y[judge], _means(bins, y, learn)[bins[judge]]), _rank_r2(feature, y))
    values = [1] if task == "binary" else np.unique(y)
    if task == "binary" and pd.api.types.is_numeric_dtype(feature.dtype):
        found = _auc(y == 1, feature.fillna(feature.median()).to_numpy(dtype=np.float64, na_value=0.0))
        return max(found, 1 - found, _auc(y[judge] == 1, _means(bins, y.astype(np.float64), learn)[bins[judge]]))
    each = [_auc(y[judge] == v, _means(bins, (y == v).astype(np.float64), learn)[bins[judge]]) for v in values]
    return float(np.mean(each))


def _bins(feature: pd.Series[Any]) -> npt.NDArray[np.int64]:
    if pd.api.types.is_datetime64_any_dtype(feature.dtype):
        feature = feature.astype("int64")
    if not pd.api.types.is_numeric_dtype(feature.dtype) or feature.nunique() <= BINS:
        return np.asarray(pd.factorize(feature)[0] + 1, dtype=np.int64)
    values = feature.to_numpy(dtype=np.float64, na_value=np.nan)
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="right") + 1).astype(np.int64)


def _means(bins: npt.NDArray[np.int64], y: Floats, learn: npt.NDArray[np.int64]) -> Floats:
    """Mean target of each bin over the rows `learn`, drawn to the overall mean as one more row would."""
    size = int(bins.max()) + 1
    count = np.bincount(bins[learn], minlength=size)
    overall = float(y[learn].mean())
    return np.asarray((np.bincount(bins[learn], weights=y[learn], minlength=size) + overall) / (count + 1))


def _auc(positive: npt.NDArray[np.bool_], score: Floats) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney); 0.5 where there is one class only."""
    ones = int(positive.sum())
    if ones in (0, len(positive)):
        return 0.5
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * (len(positive) - ones)))


def _r2(y: Floats, predicted: Floats) -> float:
    spread = float(((y - y.mean()) ** 2).sum())
    return 0.0 if spread == 0.0 else max(0.0, 1.0 - float(((y - predicted) ** 2).sum()) / spread)


def _rank_r2(feature: pd.Series[Any], y: Floats) -> float:
    """Squared rank correlation of a number with the target; 0 for what has no order or no spread."""
    if not pd.api.types.is_numeric_dtype(feature.dtype):
        return 0.0
    values = pd.Series(feature.to_numpy(dtype=np.float64, na_value=np.nan)).rank()
    found = values.fillna(values.median()).corr(pd.Series(y).rank()) if values.nunique() > 1 else 0.0
    return float(found**2) if np.isfinite(found) else 0.0
