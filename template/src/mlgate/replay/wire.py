"""Rows as the service's requests have them, within its limits, and the scores in its answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlgate.params import Params


def requests(rows: pd.DataFrame, params: Params) -> Iterator[tuple[int, int, bytes]]:
    """Bodies for POST /predict with the rows from `start` to `stop`, within the service's limits, in order."""
    names = input_names()
    step, start = params.serving.max_rows, 0
    while start < len(rows):
        stop = min(start + step, len(rows))
        part = rows.iloc[start:stop]
        values = zip(*(_plain(part[name]) for name in names), strict=True)
        body = json.dumps({"rows": [dict(zip(names, row, strict=True)) for row in values]}, allow_nan=False).encode()
        if len(body) > params.serving.max_bytes and stop - start > 1:
            step = max(1, (stop - start) // 2)
            continue
        yield start, stop, body
        start = stop


def scores_in(answer: dict[str, Any], labels: list[Any]) -> npt.NDArray[np.float64]:
    """Scores (n,) or (n, classes) of an answer, classes in the order of `labels`."""
    predictions = answer["predictions"]
    if predictions and "scores" in predictions[0]:
        return np.array([[one["scores"][str(label)] for label in labels] for one in predictions], dtype=np.float64)
    return np.array([one["score"] if "score" in one else one["prediction"] for one in predictions], dtype=np.float64)


def input_names() -> list[str]:
    """Columns of a request, by the contract."""
    from model.schema import Inputs

    return [str(name) for name in Inputs.to_schema().columns]


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Values as JSON has them; null for what is missing or not finite."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return [None if value is pd.NaT else value.isoformat() for value in column]
    values = [None if gone else value for value, gone in zip(column.tolist(), column.isna().tolist(), strict=True)]
    if column.dtype.kind == "f":
        return [None if value is None or not math.isfinite(value) else value for value in values]
    return [value.isoformat() if isinstance(value, date) else value for value in values]
