"""The reference that travels with a release: counts of every column by block of time, small and mergeable."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mlgate.drift.cells import Cells, Ints, cut
from mlgate.errors import DataError
from mlgate.params import MonitorSection, Params

SCHEMA_VERSION = 1
MAX_BLOCKS = 500
_MAX_TABLE = 64_000_000  # bytes of one column's counts, unpacked


@dataclass(frozen=True)
class Column:
    """One column's counts: `table[i, j]` rows of `blocks[i]` fell into cell j (cells.size: novel, then missing)."""

    name: str
    cells: Cells
    blocks: Ints
    table: Ints
    is_score: bool = False

    def scan(self, values: pd.Series[Any], found: Ints, place: Ints) -> Column:
        """Count `values` (n,) in this column's cells; value i is of block `found[place[i]]`."""
        return self.count(self.cells.assign(values), found, place)

    def count(self, cells: np.ndarray[Any, Any], found: Ints, place: Ints) -> Column:
        """Count values that fell into `cells` (n,); value i is of block `found[place[i]]`."""
        width = self.cells.size + 2
        flat = np.bincount(place * width + cells, minlength=len(found) * width)
        return replace(self, blocks=found, table=flat.reshape(len(found), width).astype(np.int64))

    def merge(self, other: Column) -> Column:
        """Counts of both; any order and any split of the rows gives the same table."""
        blocks = np.union1d(self.blocks, other.blocks)
        table = np.zeros((len(blocks), self.cells.size + 2), dtype=np.int64)
        for part in (self, other):
            table[np.searchsorted(blocks, part.blocks)] += part.table
        return replace(self, blocks=blocks, table=table)

    @property
    def total(self) -> Ints:
        total: Ints = self.table.sum(axis=0)
        return total


@dataclass(frozen=True)
class Profile:
    """What was normal when the model was trained.

    Attributes
    ----------
    columns : features of the reference rows, then the scores of the holdout.
    window : seconds of one block; a block's number is its start (epoch seconds) divided by it.
    season : blocks until the same phase comes again (7 for daily blocks and a weekly season); 1 without a season.
    timed : False where rows have no time. All are then one block and judged as independent rows.
    """

    columns: tuple[Column, ...]
    window: float
    season: int
    timed: bool

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def only(self, names: Iterable[str]) -> Profile:
        """Without the columns that are not named."""
        kept = set(names)
        return replace(self, columns=tuple(column for column in self.columns if column.name in kept))

    def scan(self, frame: pd.DataFrame, blocks: Ints) -> Profile:
        """The counts of other rows in the same cells; a column that `frame` lacks is wholly missing."""
        absent = pd.Series(np.nan, index=frame.index, dtype="float64")
        found, place = np.unique(blocks, return_inverse=True)
        parts = (c.scan(frame.get(c.name, absent), found, place) for c in self.columns)
        return replace(self, columns=tuple(parts))

    def count(self, cells: Iterable[np.ndarray[Any, Any]], blocks: Ints) -> Profile:
        """The counts of rows whose values fell into `cells`, (n,) a column; row i is of block `blocks[i]`."""
        found, place = np.unique(blocks, return_inverse=True)
        parts = (c.count(own, found, place) for c, own in zip(self.columns, cells, strict=True))
        return replace(self, columns=tuple(parts))

    def merge(self, other: Profile) -> Profile:
        if [c.name for c in self.columns] != [c.name for c in other.columns]:
            raise DataError("profiles of different columns do not merge", "scan both parts with the same profile")
        pairs = zip(self.columns, other.columns, strict=True)
        return replace(self, columns=tuple(a.merge(b) for a, b in pairs))

    def to_json(self) -> str:
        content = {"schema_version": SCHEMA_VERSION, "window": self.window, "season": self.season, "timed": self.timed}
        return json.dumps({**content, "columns": [_plain(c) for c in self.columns]}, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Profile:
        """Read what `to_json` wrote; DataError where it is something else."""
        try:
            content = json.loads(text)
            if content["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"schema_version {content['schema_version']}")
            columns = tuple(_column(c) for c in content["columns"])
            return cls(columns, float(content["window"]), int(content["season"]), bool(content["timed"]))
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise DataError(f"profile.json cannot be read: {error}", "run `mlgate train` and package again") from error


def build_profile(
    frame: pd.DataFrame, times: pd.Series[Any] | None, scores: pd.DataFrame | None, params: Params
) -> Profile:
    """Profile the reference.

    Parameters
    ----------
    frame : (n, features) the model's inputs, training rows.
    times : (n,) when each row happened; None where rows have no time.
    scores : (m, …) predictions on the holdout, never on training rows (a model is too sure of those): columns
        `score` or `score_0` … and, where rows have a time, `time`. None: predictions are not watched.
    """
    if frame.empty:
        raise DataError("no reference rows to profile", "check `split` in params.yaml")
    window, season = grid(params.monitor)
    timed = times is not None
    columns = _reference(frame, block_numbers(times, len(frame), window), is_score=False)
    if scores is not None and len(scores):
        when = scores["time"] if timed and "time" in scores else None
        values = scores[[name for name in scores if str(name) == "score" or str(name).startswith("score_")]]
        columns += _reference(values, block_numbers(when, len(scores), window), is_score=True)
    return Profile(tuple(columns), window, season, timed)


def grid(monitor: MonitorSection) -> tuple[float, int]:
    """Seconds of a block, and blocks of a season (1 where the window does not divide it)."""
    window = monitor.window.total_seconds()
    season = monitor.season.total_seconds() / window if monitor.season else 1.0
    return window, int(season) if season.is_integer() else 1


def block_numbers(times: pd.Series[Any] | None, rows: int, window: float, origin: float = 0.0) -> Ints:
    """The block of each row, (rows,), counted from `origin` (epoch seconds).

    0 for all where there is no time, -1 where a time is missing.
    """
    if times is None:
        return np.zeros(rows, dtype=np.int64)
    moments = pd.to_datetime(times, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]")
    blocks = np.floor((moments.astype(np.int64) / 1e6 - origin) / window).astype(np.int64)
    blocks[np.isnat(moments)] = -1
    return blocks


def _reference(frame: pd.DataFrame, blocks: Ints, is_score: bool) -> list[Column]:
    newest = np.unique(blocks)[-MAX_BLOCKS:]
    if len(newest) == MAX_BLOCKS:
        kept = blocks >= newest[0]
        frame, blocks = frame[kept], blocks[kept]
    found, place = np.unique(blocks, return_inverse=True)
    none = np.empty(0, dtype=np.int64)
    series: Iterable[tuple[Any, pd.Series[Any]]] = frame.items()
    return [Column(str(n), cut(v), none, none, is_score).scan(v, found, place) for n, v in series]


def _plain(column: Column) -> dict[str, Any]:
    cells = column.cells
    packed = base64.b64encode(zlib.compress(column.table.astype("<u4").tobytes(), 9)).decode()
    shape = {"kind": cells.kind, "edges": cells.edges.tolist(), "categories": cells.categories, "rare": cells.rare}
    counts = {"blocks": column.blocks.tolist(), "counts": packed}
    return {"name": column.name, "is_score": column.is_score, **shape, "open": cells.open, **counts}


def _column(plain: dict[str, Any]) -> Column:
    edges = np.array(plain["edges"], dtype=np.float64)
    cells = Cells(plain["kind"], edges, tuple(plain["categories"]), tuple(plain["rare"]), plain["open"])
    unpack = zlib.decompressobj()
    content = unpack.decompress(base64.b64decode(plain["counts"], validate=True), _MAX_TABLE)
    blocks = np.array(plain["blocks"], dtype=np.int64)
    table = np.frombuffer(content, dtype="<u4").astype(np.int64).reshape(len(blocks), cells.size + 2)
    return Column(plain["name"], cells, blocks, table, plain["is_score"])
