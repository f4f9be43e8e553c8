"""What is known of a user's file: how its text is laid out, what its columns hold, how much of it is too much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlgate.errors import DataError

Kind = Literal["number", "integer", "flag", "text", "moment"]
MAX_BYTES = 1 << 30  # of a decoded table
MISSING = (
    *("", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None", "none", "?", "<NA>", "NaT", "(null)", "\\N"),
    *("-", "--", "–", ".", "n.a.", "N.A.", "k.A.", "k. A."),  # noqa: RUF001
    *("#N/A", "#NV", "#VALUE!", "#WERT!", "#DIV/0!", "#REF!", "#BEZUG!", "#NAME?", "#NUM!", "#ZAHL!"),  # a sheet's
)


@dataclass(frozen=True)
class Layout:
    """How the text of a CSV file is laid out; a Parquet file needs none of it."""

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."


@dataclass(frozen=True)
class FileColumn:
    """A column of the file: its name there, what its values are, and how a moment or a number is written."""

    name: str
    kind: Kind
    format: str = ""


def too_large(path: object) -> DataError:
    """The refusal of a file that would decode to more than MAX_BYTES."""
    return DataError(f"{path} holds more than {MAX_BYTES >> 20:,} MiB when decoded", "take a sample of its rows")
