"""What a model must remember at serving time: which earlier rows its features look back on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HistorySpec:
    """Earlier rows that `model.features.features` needs beside the rows it is asked for.

    Parameters
    ----------
    keys
        Columns by which rows are looked up; a row is needed if it shares any of them.
    time
        Column that orders the rows; only strictly earlier ones count.
    columns
        Columns to keep, keys and time among them.
    days
        How far back the longest window reaches, with a margin.
    """

    keys: tuple[str, ...]
    time: str
    columns: tuple[str, ...]
    days: int
