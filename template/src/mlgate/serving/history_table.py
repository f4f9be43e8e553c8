"""The one table of the history store: its columns, its queries, and frames in and out of it without loss."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlgate.errors import InfraError
from mlgate.serving.history_spec import HistorySpec

if TYPE_CHECKING:
    import pandas as pd

DAY = 86_400_000_000  # microseconds, the unit in which times are stored
META = "CREATE TABLE IF NOT EXISTS meta (one INTEGER PRIMARY KEY CHECK (one = 1), dtypes TEXT NOT NULL)"
MERGED = "CREATE TABLE IF NOT EXISTS merged (digest TEXT PRIMARY KEY)"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Table:
    """Events with the columns of a spec. `dtypes` are the pandas dtypes of the data version."""

    spec: HistorySpec
    id: str
    dtypes: dict[str, str]

    @staticmethod
    def names(spec: HistorySpec, id: str) -> tuple[str, ...]:
        """Identifier, time and keys first, then what else the features need."""
        return tuple(dict.fromkeys((id, spec.time, *spec.keys, *spec.columns)))

    @classmethod
    def read(cls, connection: sqlite3.Connection, spec: HistorySpec, id: str) -> Table:
        """The table that a release's file holds."""
        return cls(spec, id, json.loads(connection.execute("SELECT dtypes FROM meta").fetchone()[0]))

    def create(self, connection: sqlite3.Connection) -> None:
        """Create what is missing; a file of an older release gets the columns and indexes that this one needs."""
        others = [name for name in self.dtypes if name != self.id]
        columns = ", ".join(quoted(name) for name in others)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(META)
        connection.execute(MERGED)
        connection.execute("INSERT OR IGNORE INTO meta VALUES (1, ?)", (json.dumps(self.dtypes),))
        connection.execute(f"CREATE TABLE IF NOT EXISTS events ({quoted(self.id)} PRIMARY KEY, {columns})")
        known = {row[1] for row in connection.execute("PRAGMA table_info(events)")}
        for name in others:
            if name not in known:
                connection.execute(f"ALTER TABLE events ADD COLUMN {quoted(name)}")
        time = quoted(self.spec.time)
        for key in self.spec.keys:
            index = quoted(f"by_{key}")
            connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON events ({quoted(key)}, {time})")
        connection.execute(f"CREATE INDEX IF NOT EXISTS by_time ON events ({time})")
        connection.execute("COMMIT")

    def insert(self, connection: sqlite3.Connection, frame: pd.DataFrame) -> None:
        """Insert a frame's rows whose identifier is new."""
        self.insert_plain(connection, list(zip(*(_plain(frame[name]) for name in self.dtypes), strict=True)))

    def insert_plain(self, connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
        names, marks = ", ".join(map(quoted, self.dtypes)), ", ".join("?" * len(self.dtypes))
        connection.executemany(f"INSERT OR IGNORE INTO events ({names}) VALUES ({marks})", rows)  # noqa: S608 - quoted

    def slices(self, connection: sqlite3.Connection, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """All rows, in order of time, `size` at once."""
        names = ", ".join(map(quoted, self.dtypes))
        cursor = connection.execute(f"SELECT {names} FROM events ORDER BY {quoted(self.spec.time)}")  # noqa: S608
        while rows := cursor.fetchmany(size):
            yield rows

    def before(self, connection: sqlite3.Connection, rows: pd.DataFrame) -> pd.DataFrame:
        """Earlier events of the same keys; see History.before."""
        times = rows[self.spec.time].to_numpy().astype("datetime64[us]").astype("int64")
        first, last = int(times.min()) - self.spec.days * DAY, int(times.max())
        time, ids = quoted(self.spec.time), json.dumps(_plain(rows[self.id]))
        parts, values = [], []
        for key in self.spec.keys:
            parts.append(
                f"SELECT rowid FROM events WHERE {quoted(key)} IN (SELECT value FROM json_each(?)) "  # noqa: S608
                f"AND {time} >= ? AND {time} < ?"
            )
            values += [json.dumps(list(dict.fromkeys(_plain(rows[key])))), first, last]
        names = ", ".join(map(quoted, self.dtypes))
        query = (
            f"SELECT {names} FROM events WHERE rowid IN ({' UNION '.join(parts)}) "  # noqa: S608 - quoted names only
            f"AND {quoted(self.id)} NOT IN (SELECT value FROM json_each(?)) ORDER BY {time}, {quoted(self.id)}"
        )
        return self._frame(connection.execute(query, (*values, ids)).fetchall())

    def prune(self, connection: sqlite3.Connection, newest: int) -> None:
        """Delete what lies further back than any window of the `newest`-th newest event."""
        time = quoted(self.spec.time)
        connection.execute(
            f"DELETE FROM events WHERE {time} < "  # noqa: S608 - a quoted name
            f"(SELECT {time} FROM events ORDER BY {time} DESC LIMIT 1 OFFSET ?) - ?",
            (newest, (self.spec.days + 1) * DAY),
        )

    def empty(self) -> pd.DataFrame:
        return self._frame([])

    def _frame(self, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
        import pandas as pd

        columns = list(zip(*rows, strict=True)) or [()] * len(self.dtypes)
        pairs = zip(self.dtypes.items(), columns, strict=True)
        return pd.DataFrame({name: _column(values, dtype) for (name, dtype), values in pairs}, copy=False)


def materialise(path: Path, frame: pd.DataFrame, spec: HistorySpec, id: str) -> None:
    """Write the last `spec.days` of `frame` as the history of a release; the same rows give the same bytes.

    Parameters
    ----------
    path
        The file to write; whole or absent afterwards.
    frame
        Raw rows of one data version with at least `spec.columns`.
    id
        Column that identifies a row.
    """
    import pandas as pd

    table = Table(spec, id, {name: str(frame[name].dtype) for name in Table.names(spec, id)})
    recent = frame[frame[spec.time] >= frame[spec.time].max() - pd.Timedelta(days=spec.days)] if len(frame) else frame
    recent = recent.drop_duplicates(id).sort_values([spec.time, id])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(descriptor)
        try:
            with contextlib.closing(sqlite3.connect(name, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode=OFF")
                table.create(connection)
                connection.execute("BEGIN")
                table.insert(connection, recent)
                connection.execute("COMMIT")
            Path(name).chmod(0o644)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise InfraError(f"cannot write {path}: {error}", "free space or make the folder writable") from error


def _plain(values: pd.Series[Any]) -> list[Any]:
    """A column as SQLite's own types: None where missing, times as microseconds."""
    if values.dtype.kind == "M":
        stamps = values.to_numpy().astype("datetime64[us]").astype("int64")
        return [None if missing else stamp for stamp, missing in zip(stamps.tolist(), values.isna(), strict=True)]
    if values.dtype.kind in "iub" and not hasattr(values.dtype, "na_value"):
        plain: list[Any] = values.to_numpy().tolist()
        return plain
    return [None if missing else _item(v) for v, missing in zip(values.tolist(), values.isna(), strict=True)]


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _column(values: tuple[Any, ...], dtype: str) -> Any:
    import numpy as np
    import pandas as pd

    if dtype.startswith("datetime64"):
        stamps = np.array([_NAT if value is None else value for value in values], dtype="int64")
        return stamps.view("datetime64[us]").astype(dtype)
    if dtype.startswith(("float", "int", "uint")):
        return np.array([np.nan if value is None else value for value in values], dtype=dtype)
    return pd.Series(values, dtype=dtype)


_NAT = -(2**63)  # numpy's not-a-time
