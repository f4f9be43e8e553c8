"""Every prediction as a line of JSON, written after it was answered: it can neither delay nor fail an answer.

A bounded queue and one thread a process. What does not fit, or can't be written, is dropped and counted. Files rotate
by day and size; the oldest go when the folder reaches its limit.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from mlgate.serving.prediction_read import read

__all__ = ["PredictionLog", "read"]

log = logging.getLogger("mlgate.serving.prediction_log")
SUFFIX = ".jsonl"
LINGER, TOGETHER = 0.02, 64  # seconds that a line may wait for others; requests in one write
SHARE = 16  # a file rotates at this part of the folder's limit
Lines = Callable[[], list[dict[str, Any]]]


class PredictionLog:
    """Appends predictions to files in `folder`.

    Parameters
    ----------
    limit
        Bytes of the whole folder, of all processes.
    waiting
        Predictions that may wait to be written.
    counted
        Called with ("written" or "dropped", number of predictions).
    """

    def __init__(self, folder: Path, limit: int, waiting: int, counted: Callable[[str, int], None]) -> None:
        self._folder, self._limit, self._most, self._counted = folder, limit, waiting, counted
        self._queue: queue.SimpleQueue[tuple[int, Lines] | None] = queue.SimpleQueue()
        self._waiting, self._lock = 0, threading.Lock()
        self._ended = threading.Event()
        self._file: _File | None = None
        self._said = 0.0
        self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)
        self._thread.start()

    def append(self, number: int, lines: Lines) -> None:
        """Queue `number` predictions; `lines` makes their records later, in the writer's thread. Never blocks."""
        with self._lock:
            full = self._waiting + number > self._most
            self._waiting += 0 if full else number
        if full:
            self._counted("dropped", number)
        else:
            self._queue.put((number, lines))

    def flush(self, seconds: float = 5.0) -> None:
        """Wait, for at most `seconds`, until everything queued so far is written or dropped."""
        reached = threading.Event()

        def mark() -> list[dict[str, Any]]:
            reached.set()
            return []

        self._queue.put((0, mark))
        reached.wait(seconds)

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, for at most `seconds`, and stop."""
        self._queue.put(None)
        self._ended.set()
        self._thread.join(seconds)

    def _write_all(self) -> None:
        """Write what was queued, a little later and together: at each request, this thread would be in its way."""
        ended = False
        while not ended:
            items = [self._queue.get()]
            if items[0] is not None:
                self._ended.wait(LINGER)
            while not self._queue.empty() and len(items) < TOGETHER:
                items.append(self._queue.get())
            ended = None in items
            self._write([item for item in items if item is not None])
        if self._file is not None:
            self._file.close()

    def _write(self, items: list[tuple[int, Lines]]) -> None:
        told = [(number, self._told(lines)) for number, lines in items if number]
        kept = self._kept(b"".join(content for _, content in told if content))
        outcomes = {"written": 0, "dropped": 0}
        for number, content in told:
            outcomes["written" if kept and content is not None else "dropped"] += number
        for outcome, number in outcomes.items():
            if number:
                self._counted(outcome, number)
        with self._lock:
            self._waiting -= sum(number for number, _ in told)
        for _, mark in (item for item in items if not item[0]):
            mark()

    def _told(self, lines: Lines) -> bytes | None:
        """The text of some predictions; afterwards whoever answers requests may go first."""
        try:
            return b"".join(to_json(line, inf_nan_mode="null") + b"\n" for line in lines())
        except Exception as error:  # a prediction that can't be told must not end the thread that tells the others
            self._trouble(f"{type(error).__name__}: {error}")
            return None
        finally:
            time.sleep(0)

    def _kept(self, content: bytes) -> bool:
        if not content:
            return True
        try:
            if self._file is None or self._file.spent():
                self._rotate()
            assert self._file is not None
            self._file.write(content)
            return True
        except OSError as error:
            self._trouble(error.strerror or str(error))
        return False

    def _rotate(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_oldest()
        self._file = _File(self._folder, max(1, self._limit // SHARE))

    def _remove_oldest(self) -> None:
        """Keep the folder under its limit, with room for one more file."""
        kept = sorted((path.stat().st_mtime_ns, path.stat().st_size, path) for path in self._folder.glob("*" + SUFFIX))
        total = sum(size for _, size, _ in kept)
        for _, size, path in kept:
            if total + self._limit // SHARE <= self._limit:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size

    def _trouble(self, reason: str) -> None:
        if time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            log.warning("prediction log in %s: %s; predictions are answered, and not logged", self._folder, reason)


class _File:
    """One file of one process. A line that could be written in part only is ended before the next one begins."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._day = datetime.now(UTC).date()
        self.path = folder / f"{self._day}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._limit, self._size, self._torn = limit, 0, False

    def spent(self) -> bool:
        """Whether the next line belongs into another file: a new day, enough bytes, or someone removed this one."""
        return self._size >= self._limit or self._day != datetime.now(UTC).date() or not self.path.exists()

    def write(self, content: bytes) -> None:
        content = b"\n" + content if self._torn else content
        done = 0
        while done < len(content):
            try:
                done += os.write(self._descriptor, content[done:])
            except OSError:
                self._torn |= done > 0
                raise
        self._torn = False
        self._size += len(content)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
