"""Live traffic in little memory: of a row, only when it happened and into which cells its values fell.

The log may be of any length. What is kept is some twenty bytes a row and a byte a column, of the windows that are
judged alone; the text of the log is never here as a whole.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from mlgate.drift.cells import Ints
from mlgate.drift.profile import Profile
from mlgate.params import MonitorSection

SHOWN = 10  # windows that are judged and shown, or monitor.n of them
NAMES = 10_000  # values never seen that are counted by name, a column
EPOCH = datetime(1970, 1, 1)
SECOND = 1_000_000  # moments are microseconds since then

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Part:
    """Rows in the order in which they were read, as arrays of one length; `cells` has those of `mine` alone.

    `row` tells the rows of one version apart, 0 where a row has no name.
    """

    moment: Array
    answered: Array
    row: Array
    mine: Array
    cells: tuple[Array, ...]


@dataclass(frozen=True)
class Rows:
    """Every row once: when it happened, and of those of the version that is judged, `mine`, the cells (a column)."""

    moment: Array
    mine: Array
    cells: tuple[Array, ...]


class Traffic:
    """What `monitor` has to know of the predictions of an environment, whose log is given to it part by part.

    Parameters
    ----------
    profile
        Of the release. version : the one to judge; rows of others are traffic, and no more.
    as_of
        Nothing that happened later counts, UTC without zone; None: up to now, as `monitor.clock` says.
    """

    def __init__(self, profile: Profile, version: str, monitor: MonitorSection, as_of: datetime | None = None) -> None:
        self.profile, self.version, self.monitor, self.as_of = profile, version, monitor, as_of
        self.replayed = as_of is None and monitor.clock == "events"
        self.now = as_of or (EPOCH if self.replayed else datetime.now(UTC).replace(tzinfo=None))
        self.earliest: datetime | None = None
        self.newest: datetime | None = None
        self.names: set[str] = set()
        self.novel: dict[str, Counter[Any]] = {}
        none, cell = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8)
        self._kept = [Part(none, none, none.astype(np.uint64), none.astype(bool), (cell,) * len(profile.columns))]

    @property
    def since(self) -> datetime:
        """What happened before is in no window that is judged."""
        try:
            return self.now - timedelta(seconds=self.profile.window) * (max(SHOWN, self.monitor.n) + 1)
        except OverflowError:  # windows of centuries
            return datetime.min

    def add(self, head: pd.DataFrame, values: pd.DataFrame) -> None:
        """Take in rows (n,): `head` has event_time, time, version and row, `values` features and scores."""
        self.names |= set(map(str, values.columns))
        answered = _microseconds(head["time"])
        moment = answered
        if self.monitor.clock == "events":
            happened = _microseconds(head["event_time"])
            moment = np.where(head["event_time"].isna(), answered, happened)
        if not len(moment):
            return
        first, last = (EPOCH + timedelta(microseconds=int(edge)) for edge in (moment.min(), moment.max()))
        self.earliest, self.newest = min(self.earliest or first, first), max(self.newest or last, last)
        if self.replayed:
            self.now = self.newest
        inside = moment >= _epoch(self.since)
        inside &= (moment < _epoch(self.as_of)) if self.as_of else True
        if inside.any():
            head, values = head[inside], values[inside]
            self._keep(head, values, moment[inside], answered[inside])
        self._kept[1:] = [part for part in self._kept[1:] if part.moment.max() >= _epoch(self.since)]

    def _keep(self, head: pd.DataFrame, values: pd.DataFrame, moment: Ints, answered: Ints) -> None:
        mine = (head["version"] == self.version).to_numpy(dtype=bool)
        own = values[mine]
        absent = pd.Series(np.nan, index=own.index, dtype="float64")
        cells = []
        for column in self.profile.columns:
            found = column.cells.assign(own.get(column.name, absent))
            cells.append(found.astype(np.min_scalar_type(column.cells.size + 1)))
            if column.cells.kind == "category" and column.name in own:
                self._count_novel(column.name, own[column.name][found == column.cells.size])
        self._kept.append(Part(moment, answered, _names(head), mine, tuple(cells)))

    def _count_novel(self, name: str, values: pd.Series[Any]) -> None:
        counts = self.novel.setdefault(name, Counter())
        counts.update(values)
        if len(counts) > NAMES:
            self.novel[name] = Counter(dict(counts.most_common(NAMES // 2)))

    def rows(self) -> Rows:
        """Every row that was kept, each version's last answer for a row alone."""
        last = _last(*(np.concatenate([getattr(part, name) for part in self._kept]) for name in ("row", "answered")))
        moment, mine = (np.concatenate([getattr(part, name) for part in self._kept]) for name in ("moment", "mine"))
        own, parts = last[mine], zip(*(part.cells for part in self._kept), strict=True)
        return Rows(moment[last], mine[last], tuple(np.concatenate(cells)[own] for cells in parts))


def _last(row: Array, answered: Array) -> Array:
    """Which rows (n,) are the last answer for their row; those without a name are all."""
    order = np.lexsort((answered, row))  # stable: what was read later comes later
    names = row[order]
    kept: Array = np.zeros(len(order), dtype=bool)
    kept[order[:-1]] = names[1:] != names[:-1]
    kept[order[-1:]] = True
    kept |= row == 0
    return kept


def _names(head: pd.DataFrame) -> Array:
    """(n,) 64 bits of each version's name for a row, 0 where it has none; of a hundred million, no two meet by chance
    but one time in four thousand, and then one row is not counted."""
    named = head["row"].notna().to_numpy()
    text = head["version"].fillna("") + "/" + head["row"].fillna("")
    found = pd.util.hash_array(text.to_numpy(dtype=object), categorize=False)
    return np.where(named, np.maximum(found, 1), 0).astype(np.uint64)


def _microseconds(moments: pd.Series[Any]) -> Ints:
    found: Ints = moments.to_numpy("datetime64[us]").astype(np.int64)
    return found


def _epoch(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
