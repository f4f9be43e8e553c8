"""Columns that give the target away: a copy under another name, or what is only known afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlgate.adopt.columns import Column, Findings

THRESHOLD = 0.995  # of a single column's AUC, accuracy or rank correlation
FEWEST = 50  # rows; below, a column separates by chance
MOST_ROWS = 50_000
_TREE = {"random_state": 0, "min_samples_leaf": 5}


def leaks(found: Findings) -> dict[str, str]:
    """Name of each leaking column -> how well it alone predicts the target."""
    rows = found.rows
    if len(rows) > MOST_ROWS:
        rows = rows.sample(MOST_ROWS, random_state=0)
    said = {}
    target = rows[found.target.name]
    if found.task != "regression":
        target = target.map({label: number for number, label in enumerate(found.classes)}).astype("int64")
    for column in found.columns:
        if column.role == "feature" and column.part in ("number", "category", "date"):
            value, name = _strength(rows[column.name], target, column, found.task)
            if value >= THRESHOLD:
                said[column.name] = f"leaks the target: it alone has {name} {value:.3f}"
    return said


def _strength(values: pd.Series[Any], target: pd.Series[Any], column: Column, task: str) -> tuple[float, str]:
    present = values.notna()
    if task == "binary" and 0 < present.mean() < 1 and _enough(target):
        gone = _auc(present.astype("float64").to_numpy(), target.to_numpy())
        if gone >= THRESHOLD:
            return gone, "(by being empty) an AUC of"
    values, target = values[present], target[present]
    if len(values) < FEWEST or values.nunique() < 2 or (task != "regression" and not _enough(target)):
        return 0.0, ""
    if column.part == "category":
        return _of_category(values, target, task)
    numbers = (
        values.to_numpy(dtype="float64") if column.kind != "moment" else values.to_numpy().astype("int64").astype(float)
    )
    if task == "binary":
        return _auc(numbers, target.to_numpy()), "an AUC of"
    if task == "multiclass":
        return _tree_accuracy(numbers, target), "an accuracy of"
    pair = pd.DataFrame({"x": numbers, "y": target.to_numpy()})
    return max(abs(float(pair["x"].corr(pair["y"], method=how))) for how in ("pearson", "spearman")), "a correlation of"


def _enough(target: pd.Series[Any]) -> bool:
    counts = target.value_counts()
    return len(counts) > 1 and int(counts.min()) >= 5


def _auc(values: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> float:
    from scipy.stats import rankdata

    up = target == 1
    many, few = int(up.sum()), int((~up).sum())
    area = (rankdata(values)[up].sum() - many * (many + 1) / 2) / (many * few)
    return float(max(area, 1 - area))


def _of_category(values: pd.Series[Any], target: pd.Series[Any], task: str) -> tuple[float, str]:
    """Each category's own majority or mean as the prediction; categories need rows enough to have one."""
    if values.nunique() > len(values) / 5:
        return 0.0, ""
    groups = target.groupby(values.to_numpy())
    if task == "regression":
        fitted = groups.transform("mean")
        total = float(((target - target.mean()) ** 2).sum())
        return (1 - float(((target - fitted) ** 2).sum()) / total, "an R² of") if total else (0.0, "")
    if task == "binary":
        return _auc(groups.transform("mean").to_numpy(), target.to_numpy()), "an AUC of"
    right = groups.agg(lambda column: column.value_counts().iloc[0]).sum()
    return _beyond_majority(float(right) / len(target), target), "an accuracy of"


def _tree_accuracy(values: np.ndarray[Any, Any], target: pd.Series[Any]) -> float:
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=max(8, 2 * target.nunique()), **_TREE)
    score = tree.fit(values.reshape(-1, 1), target.to_numpy()).score(values.reshape(-1, 1), target.to_numpy())
    return _beyond_majority(float(score), target)


def _beyond_majority(accuracy: float, target: pd.Series[Any]) -> float:
    """Accuracy, or 0 where the most frequent class alone comes close to it."""
    return accuracy if float(target.value_counts(normalize=True).iloc[0]) < 0.98 else 0.0
