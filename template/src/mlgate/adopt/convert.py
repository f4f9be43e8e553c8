"""Cells into numbers, flags, text and moments; a value that isn't what its column says is named with its row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlgate.adopt import numerals
from mlgate.adopt.layout import FileColumn, Layout
from mlgate.errors import DataError

FLAGS = {"true": 1.0, "false": 0.0}
EARLIEST, LATEST = pd.Timestamp("1700-01-01"), pd.Timestamp("2260-01-01")  # what nanoseconds can count
FORMATS = (
    "ISO8601",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d %b %Y",
    "%b %d, %Y",
    "%d-%b-%Y",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%d.%m.%y",
    "%d.%m.%y %H:%M",
    "%m/%d/%y",
    "%m/%d/%y %H:%M",
    "%d/%m/%y",
    "%d/%m/%y %H:%M",
    "seconds",
    "milliseconds",
)


def typed(raw: pd.DataFrame, columns: Mapping[str, FileColumn], decimal: str) -> pd.DataFrame:
    """A frame with the columns of `columns`, in their order; index 0 … n - 1.

    Raises
    ------
    DataError
        With the file's column, the row (the first row of values is 1) and the value.
    """
    made = {name: one(raw[column.name], column, decimal) for name, column in columns.items()}
    return pd.DataFrame(made).reset_index(drop=True)


def one(cells: pd.Series[Any], column: FileColumn, decimal: str) -> pd.Series[Any]:
    """One column, typed by its kind."""
    cells = cells.reset_index(drop=True)
    if column.kind == "text":
        return text(cells)
    if column.kind == "moment":
        made = moments(cells, column.format)
    elif column.kind == "flag":
        made = text(cells).str.casefold().map(FLAGS).astype("float64")
    else:
        made = numbers(cells, decimal, column.format)
    _require_all(cells, made, column)
    if column.kind == "integer":
        if made.isna().any() or (made % 1 != 0).any():
            row = int((made.isna() | (made % 1 != 0)).to_numpy().argmax())
            raise DataError(f"column {column.name!r}, row {row + 1}: {cells[row]!r} is no whole number", "correct it")
        return _whole(cells, made)
    return made


def _require_all(cells: pd.Series[Any], made: pd.Series[Any], column: FileColumn) -> None:
    wrong = made.isna() & cells.notna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        what = f"a date or time written as {column.format}" if column.kind == "moment" else f"a {column.kind}"
        what += f" written as {column.format}" if column.format and column.kind != "moment" else ""
        raise DataError(
            f"column {column.name!r}, row {row + 1}: {str(cells[row])[:60]!r} is not {what}",
            f"correct it, or leave the column out: `mlgate adopt … --drop {column.name!r}`",
        )
    if column.kind in ("number", "integer") and (infinite := np.isinf(made.to_numpy())).any():
        row = int(infinite.argmax())
        raise DataError(
            f"column {column.name!r}, row {row + 1}: {str(cells[row])[:60]!r} is infinite",
            "replace it by a number or leave the cell empty",
        )


def numbers(cells: pd.Series[Any], decimal: str, form: str = "") -> pd.Series[Any]:
    """float64 (n,); NaN where a cell is missing or no number, written as `form` if there is one."""
    if pd.api.types.is_bool_dtype(cells) or pd.api.types.is_numeric_dtype(cells):
        return pd.to_numeric(cells).astype("float64")
    words = text(cells)
    if form:
        return numerals.read(words, form)
    if decimal == ",":
        words = words.str.replace(decimal, ".", regex=False)
    return pd.to_numeric(words, errors="coerce").astype("float64")


def text(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Text without blanks around it; whole numbers without a decimal point; missing stays missing."""
    if pd.api.types.is_bool_dtype(cells):
        cells = cells.map({True: "true", False: "false"})
    elif pd.api.types.is_float_dtype(cells):
        whole = cells.dropna()
        if (whole % 1 == 0).all() and (whole.abs() < 2**53).all():
            cells = cells.astype("Int64")
    return cells.astype("str").where(cells.notna()).str.strip().astype("str")


def moments(cells: pd.Series[Any], form: str) -> pd.Series[Any]:
    """datetime64[us] (n,), UTC without zone; NaT where a cell is missing or not written as `form`."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        made = pd.to_datetime(cells, utc=True)
    elif form in ("seconds", "milliseconds"):
        stamp = numbers(cells, ".") * (1_000_000 if form == "seconds" else 1_000)
        good = stamp.between(EARLIEST.value // 1000, LATEST.value // 1000)
        made = pd.to_datetime(stamp.where(good).round().astype("Int64"), unit="us", utc=True)
    else:
        words = cells if cells.dtype == object else text(cells)
        made = pd.to_datetime(words.astype("str").where(cells.notna()), format=form, errors="coerce", utc=True)
    plain = made.dt.tz_localize(None).astype("datetime64[us]")
    return plain.where(plain.between(EARLIEST, LATEST))


def _whole(cells: pd.Series[Any], made: pd.Series[Any]) -> pd.Series[Any]:
    """int64 without the loss that a detour over float64 has beyond 2^53."""
    if (made.abs() < 2**53).all():
        return made.astype("int64")
    try:
        return pd.Series([int(cell) for cell in cells], index=cells.index, dtype="int64")
    except (ValueError, OverflowError) as error:
        raise DataError(f"column {cells.name!r} has whole numbers beyond 64 bits", "store it as text") from error


def decimal_mark(raw: pd.DataFrame, layout: Layout) -> str:
    """`,` where some column is numbers only when commas are read as decimal marks, or has several points in a number.

    Empty where no cell tells: the only points are in numbers such as 1.234, and cells are not parted by commas.
    """
    if layout.delimiter == ",":
        return "."
    told = doubt = False
    for name in raw.columns:
        cells = raw[name].dropna().head(1_000)
        if not pd.api.types.is_string_dtype(cells) or cells.empty:
            continue
        words = text(cells)
        plain = bool(numbers(words, ".").notna().all())
        if not plain and (numerals.all_grouped(words) or numbers(words, ",").notna().all()):
            return ","
        points = words.str.contains(".", regex=False)
        told |= plain and bool((points & ~numerals.grouped(words)).any())
        doubt |= plain and bool(points.any())
    return "" if doubt and not told else "."
