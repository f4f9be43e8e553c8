"""The generated code at work on the training rows before anything is replaced: does it run, and how good is it?"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlgate.gates.metrics import METRICS
from mlgate.params import Params

MOST_ROWS = 20_000
FOLDS = 3
Array = NDArray[Any]


@dataclass(frozen=True)
class Trial:
    """Targets (n,) and scores of training rows by models that have not seen them, and what the holdout holds."""

    y: Array
    s: Array
    holdout_rows: int
    holdout_scarcest: int
    holdout_clusters: int

    def value(self, metric: str) -> float:
        return METRICS[metric].value(self.y, self.s)

    def error(self, metric: str) -> float:
        """Standard error that the metric will have on the holdout, from the spread of its influence function."""
        units = self.holdout_clusters or self.holdout_rows
        return float(np.std(METRICS[metric].influence(self.y, self.s)) / np.sqrt(max(1, units)))


@contextmanager
def code_of(folder: Path) -> Iterator[None]:
    """Import `model` from this `src` folder for a while, whatever was imported under that name before."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "model"}
    sys.path.insert(0, str(folder))
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = wrote
        for name in [name for name in sys.modules if name.split(".")[0] == "model"]:
            del sys.modules[name]
        sys.modules.update(before)


def attempt(params: Params, folder: Path) -> Trial:
    """Load, check against the generated contract, make features, and cross-validate on the training rows.

    Raises
    ------
    DataError
        If the split leaves a side empty, or training has one class only.
    """
    from threadpoolctl import threadpool_limits

    from mlgate.table import split as cut
    from mlgate.table.targets import classes, encode

    with code_of(folder), warnings.catch_warnings(), threadpool_limits(1):  # threads cost more than they give here
        warnings.simplefilter("ignore")
        from model import data, features, model, schema

        rows = data.load(params)
        schema.Labelled.validate(rows, lazy=True)
        sides = cut.split(rows, params)
        train = rows[sides.train]
        if params.data.time:
            train = train.sort_values(params.data.time, kind="stable").tail(MOST_ROWS)
        else:
            train = train.sample(min(len(train), MOST_ROWS), random_state=0)
        labels = classes(rows, params)
        y = encode(train, params, labels)
        inputs = features.features(train, None)
        groups = train[params.data.cluster] if params.data.cluster else None
        y, s = _scored(inputs, y, groups, params, lambda: model.build(params), max(2, len(labels)))
    held = rows[sides.holdout]
    counts = held[params.data.target].value_counts() if params.data.task != "regression" else pd.Series([len(held)])
    scarcest = int(counts.min()) if len(counts) >= len(labels) else 0
    clusters = int(held[params.data.cluster].nunique()) if params.data.cluster else 0
    return Trial(y, s, len(held), scarcest, clusters)


def _scored(inputs: Any, y: Array, groups: Any, params: Params, build: Any, classes: int) -> tuple[Array, Array]:
    """Targets and out-of-fold scores; rows that no fold judges (the oldest, in time) are left out."""
    task = params.data.task
    scores = np.full((len(y), classes) if task == "multiclass" else len(y), np.nan)
    for seen, unseen in _folds(y, groups, params).split(inputs, y, groups):
        if task == "regression":
            scores[unseen] = build().fit(inputs.iloc[seen], y[seen]).predict(inputs.iloc[unseen])
            continue
        if len(np.unique(y[seen])) < 2:
            continue
        fitted = build().fit(inputs.iloc[seen], y[seen])
        wide = np.zeros((len(unseen), classes))
        wide[:, fitted.classes_.astype(int)] = fitted.predict_proba(inputs.iloc[unseen])
        scores[unseen] = wide if task == "multiclass" else wide[:, 1]
    judged = np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
    return y[judged], scores[judged]


def _folds(y: Array, groups: Any, params: Params) -> Any:
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit

    if groups is not None and groups.nunique() >= FOLDS:
        return GroupKFold(FOLDS)
    if params.data.time:
        return TimeSeriesSplit(FOLDS)
    if params.data.task != "regression" and int(np.bincount(y).min()) >= FOLDS:
        return StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return KFold(FOLDS, shuffle=True, random_state=0)
