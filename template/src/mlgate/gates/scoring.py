"""Scores of a fitted pipeline, in the one shape that each task's gates and the service expect."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlgate.errors import DataError
from mlgate.params import Task

Scores = npt.NDArray[np.float64]


def score(pipeline: Any, inputs: pd.DataFrame, task: Task) -> Scores:
    """Score model inputs.

    Parameters
    ----------
    pipeline
        A fitted scikit-learn pipeline; its targets were 0/1, class numbers 0..k-1, or floats.
    inputs
        What `model.features.features` returns, n rows.

    Returns
    -------
    ndarray
        Binary: probability of class 1, shape (n,). Multiclass: probabilities, shape (n, k), columns in the order of
        the class numbers. Regression: predictions, shape (n,).

    Raises
    ------
    DataError
        If a score is not finite, or a binary model was not trained on both classes.
    """
    if task == "regression":
        scores = np.asarray(pipeline.predict(inputs), dtype=np.float64)
    elif task == "binary":
        scores = _probability_of_one(pipeline, inputs)
    else:
        scores = np.asarray(pipeline.predict_proba(inputs), dtype=np.float64)
    bad = np.atleast_1d(~np.isfinite(scores.reshape(len(scores), -1)).all(axis=1))
    if bad.any():
        row = inputs.index[int(np.flatnonzero(bad)[0])]
        raise DataError(f"{bad.sum()} scores are not finite, first in row {row}", "look at model/model.py")
    return scores


def _probability_of_one(pipeline: Any, inputs: pd.DataFrame) -> Scores:
    classes = [int(value) for value in pipeline.classes_]
    if classes != [0, 1]:
        raise DataError(f"the model knows the classes {classes}, not 0 and 1", "train it on rows of both classes")
    return np.asarray(pipeline.predict_proba(inputs), dtype=np.float64)[:, 1]
