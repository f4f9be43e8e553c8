"""Earlier rows at serving time: an embedded SQLite store that the release brings along and the traffic extends.

The release carries `history.sqlite`, made from its data version; each environment keeps one of its own, shared by all
processes of the old and the new release (WAL). A row is stored once, by its identifier. Whatever happens to the
environment's file, a prediction is answered: then with the release's own rows alone, counted and logged.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlgate.serving.history_spec import HistorySpec
from mlgate.serving.history_table import Table, materialise

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["History", "materialise"]

log = logging.getLogger("mlgate.serving.history")
PENDING = 10_000  # events kept in memory while the file can't be written
SLICE = 2_000  # rows of one transaction in a merge: other processes write in between
OPENING, BUSY = 5.0, 250  # seconds, milliseconds: waits for other processes, at the start and while serving
RETRY = 30.0  # seconds until a broken file is tried again
PRUNE = 5_000  # appended rows between two prunings
NEWEST = 100  # pruning trusts the 100th newest time, so that one row from the far future empties nothing


class History:
    """Earlier rows of the same keys: those of the release, and those served since.

    Parameters
    ----------
    release
        `history.sqlite` of the release, never written.
    path
        The environment's file; None where there is no place to keep served rows.
    troubled
        Called with a short reason each time the environment's file could not be used.
    """

    def __init__(
        self, release: Path, path: Path | None, spec: HistorySpec, id: str, troubled: Callable[[str], None]
    ) -> None:
        self._spec, self._id, self._path, self._troubled = spec, id, path, troubled
        self._lock = threading.Lock()
        self._pending: deque[pd.DataFrame] = deque()
        self._live: sqlite3.Connection | None = None
        self._next_try, self._since_pruning, self._said = 0.0, 0, 0.0
        self._release_path = release
        self._release = sqlite3.connect(f"{release.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        self._table = Table.read(self._release, spec, id)
        self._open()

    def before(self, rows: pd.DataFrame, released: bool = False) -> pd.DataFrame:
        """Rows that share a key with `rows`, at most `spec.days` older than the oldest and older than the newest of
        them; without those of `rows` itself. Columns and dtypes are those of the data version. With `released`, only
        rows that the release brought: what a smoke test scores must not depend on what was served meanwhile."""
        with self._lock:
            if not released:
                with self._live_connection() as connection:
                    if connection is not None:
                        return self._table.before(connection, rows)
            try:
                return self._table.before(self._release, rows)
            except sqlite3.Error as error:
                self._trouble(f"release: {error}")
                return self._table.empty()

    def append(self, rows: pd.DataFrame) -> None:
        """Remember served rows, each once; rows that can't be written now wait in memory, the oldest drop."""
        with self._lock:
            self._pending.append(rows)
            while sum(map(len, self._pending)) > PENDING and len(self._pending) > 1:
                self._pending.popleft()
                self._trouble("dropped")
            self._write_pending()

    def _write_pending(self) -> None:
        with self._live_connection() as connection:
            if connection is not None and self._pending:
                connection.execute("BEGIN IMMEDIATE")
                for frame in self._pending:
                    self._table.insert(connection, frame)
                connection.execute("COMMIT")
                self._since_pruning += sum(map(len, self._pending))
                self._pending.clear()
                if self._since_pruning >= PRUNE:
                    self._prune(connection)

    def close(self) -> None:
        """Write what still waits, with more patience than while serving, and let go of the files."""
        with self._lock:
            if self._live is not None:
                self._live.execute(f"PRAGMA busy_timeout={OPENING * 1000:.0f}")
                self._write_pending()
            for connection in (self._live, self._release):
                if connection is not None:
                    with contextlib.suppress(sqlite3.Error):
                        connection.close()
            self._live = None
            self._path = None

    @contextlib.contextmanager
    def _live_connection(self) -> Iterator[sqlite3.Connection | None]:
        if self._live is None and self._path is not None and time.monotonic() >= self._next_try:
            self._open()
        try:
            yield self._live
        except sqlite3.Error as error:
            self._trouble(str(error))
            self._recover(error)

    def _recover(self, error: sqlite3.Error) -> None:
        """After an error: leave the transaction; a file that is damaged is given up until the next try."""
        assert self._live is not None
        with contextlib.suppress(sqlite3.Error):
            if self._live.in_transaction:
                self._live.execute("ROLLBACK")
        if not isinstance(error, sqlite3.OperationalError):
            with contextlib.suppress(sqlite3.Error):
                self._live.close()
            self._live, self._next_try = None, time.monotonic() + RETRY

    def _open(self) -> None:
        """Open the environment's file and merge the release's rows into it; a damaged file is set aside once."""
        if self._path is None:
            return
        self._next_try = time.monotonic() + RETRY
        for attempt in (1, 2):
            try:
                self._live = self._connect(self._path)
                return
            except (sqlite3.Error, OSError) as error:
                self._trouble(str(error))
                damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
                if attempt == 2 or not damaged or not _set_aside(self._path):
                    return

    def _connect(self, path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it holds raw rows; SQLite gives its side files the same rights
        connection = sqlite3.connect(path, timeout=OPENING, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            self._table.create(connection)
            self._merge(connection)
            self._prune(connection)
            connection.execute(f"PRAGMA busy_timeout={BUSY}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _merge(self, connection: sqlite3.Connection) -> None:
        """Insert the release's rows that are not there, in slices, unless this very file was merged before."""
        print_ = hashlib.sha256(self._release_path.read_bytes()).hexdigest()
        if connection.execute("SELECT 1 FROM merged WHERE digest = ?", (print_,)).fetchone():
            return
        for rows in self._table.slices(self._release, SLICE):
            connection.execute("BEGIN IMMEDIATE")
            self._table.insert_plain(connection, rows)
            connection.execute("COMMIT")
        connection.execute("INSERT OR IGNORE INTO merged VALUES (?)", (print_,))

    def _prune(self, connection: sqlite3.Connection) -> None:
        self._table.prune(connection, NEWEST)
        self._since_pruning = 0

    def _trouble(self, reason: str) -> None:
        self._troubled(reason)
        if time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            log.warning("history of this environment: %s; answering from what the release brought", reason)


def _set_aside(path: Path) -> bool:
    """Move a damaged file (and its WAL) out of the way, kept for whoever wants to look."""
    try:
        for name in (f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        path.replace(path.with_name(f"{path.name}.damaged"))
    except OSError:
        return False
    return True
