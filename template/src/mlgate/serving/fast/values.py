"""A request's values as the frame would hold them: what a column's dtype does to a number happens to this row too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlgate.serving.fast.not_lifted import NotLiftedError
from mlgate.serving.row_types import ColumnType

Row = dict[str, Any]


def as_framed(columns: Sequence[ColumnType]) -> Callable[[Row], Row]:
    """A function from a validated row to the row that a frame of these columns would give back.

    Raises
    ------
    NotLiftedError
        If a column may be left out, or has a dtype whose effect is not known here.
    """
    import numpy as np

    rounded = []
    for column in columns:
        if not column.required:
            raise NotLiftedError(f"column {column.name} may be left out of a row")
        kind = getattr(column.dtype, "kind", "O")
        if kind == "f" and np.dtype(getattr(column.dtype, "numpy_dtype", column.dtype)).itemsize < 8:
            rounded.append((column.name, np.dtype(getattr(column.dtype, "numpy_dtype", column.dtype)).type))
        elif kind == "M" and np.datetime_data(column.dtype)[0] not in ("us", "ns"):
            raise NotLiftedError(f"column {column.name} has moments in {column.dtype}")
    if not rounded:
        return lambda row: row
    return lambda row: row | {name: None if row[name] is None else float(kind(row[name])) for name, kind in rounded}
