"""Processes of this machine: told from later ones of one number, known by a mark, one at a time."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from mlgate.engine.shield import open_to_ctrl_c
from mlgate.errors import InfraError

MARK = "MLGATE_REPLICA"  # the variable that a copy and all that it starts are given; its value is the copy's record
PATIENCE = 2.0  # seconds


def birth(pid: int) -> str | None:
    """What tells a process from a later one of the same PID; None where it is gone or a zombie."""
    try:
        found = psutil.Process(pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return None
        ticks = Path(f"/proc/{pid}/stat")
        if ticks.exists():  # counted from boot, so that a change of the clock does not matter
            boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
            return f"{boot}:{ticks.read_text().rpartition(')')[2].split()[19]}"
        return f"{found.create_time():.2f}"
    except (psutil.Error, OSError):
        return None


def marked(variable: str = MARK) -> Iterator[tuple[psutil.Process, str]]:
    """Every living process that was started with the variable, as a copy is with MARK, and its value."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mark = process.environ().get(variable)
            if mark and birth(process.pid):
                yield process, mark


@contextlib.contextmanager
def alone(path: Path, seconds: float, doing: str, waiting: Callable[[], object] | None = None) -> Iterator[None]:
    """One process at a time holds the lock `path`; the kernel frees it when its holder is killed.

    `waiting` is called once, where another one holds it for longer than is waited for without a word.

    Raises
    ------
    InfraError
        If another one, which is `doing` the same, goes on for longer than `seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    until, quiet = time.monotonic() + seconds, time.monotonic() + PATIENCE
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    message = f"another mlgate has been {doing} for {seconds:.0f} s"
                    raise InfraError(message, "wait for it, then run this again") from None
                if waiting and time.monotonic() > quiet:
                    waiting()
                    waiting = None
                with open_to_ctrl_c():
                    time.sleep(0.05)
        yield
