"""The target column as numbers, in the one form that training, gates and the service share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlgate.errors import DataError
from mlgate.params import Params

Label = str | int | float | bool
MEND = "correct data.target, data.task and data.positive in params.yaml, or the data"


def classes(frame: pd.DataFrame, params: Params) -> list[Label]:
    """The labels in the order of their class numbers; binary: [negative, positive]; regression: none.

    Raises
    ------
    DataError
        If the column is missing, holds one label only, or a binary target has more than two or not the positive one.
    """
    data = params.data
    if data.target not in frame:
        raise DataError(f"the data have no column {data.target!r}", MEND)
    if data.task == "regression":
        return []
    found = sorted((_plain(value) for value in frame[data.target].dropna().unique()), key=lambda v: (str(type(v)), v))
    if len(found) < 2:
        raise DataError(f"target {data.target!r} holds one label only: {found}", "take rows of every class")
    if data.task == "multiclass":
        return found
    positive = found[-1] if data.positive is None else data.positive
    if len(found) > 2 or positive not in found:
        shown = ", ".join(map(repr, found[:6]))
        raise DataError(f"target {data.target!r} holds {shown}; one other and {positive!r} were expected", MEND)
    return [next(value for value in found if value != positive), positive]


def encode(frame: pd.DataFrame, params: Params, labels: list[Label]) -> npt.NDArray[Any]:
    """The target of each row, shape (n,): 0/1, class numbers by `labels` (int64), or floats.

    Raises
    ------
    DataError
        If a value is missing, not finite, or no label of `labels`; names the first row.
    """
    column = frame[params.data.target]
    if params.data.task == "regression":
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        bad = ~np.isfinite(values)
    else:
        values = column.map({label: number for number, label in enumerate(labels)}).to_numpy(
            np.float64, na_value=np.nan
        )
        bad = np.isnan(values)
        values = np.where(bad, 0, values).astype(np.int64)
    if bad.any():
        row = frame.index[bad][0]
        raise DataError(f"target {params.data.target!r} is {column[row]!r} in row {row} ({bad.sum()} such rows)", MEND)
    return values


def _plain(value: Any) -> Label:
    plain: Label = value.item() if isinstance(value, np.generic) else value
    return plain
