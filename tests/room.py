"""The room of a session of tests: one folder below the machine's temporary one, where all is that nobody keeps.

`TMPDIR` leads every program of the session there: what BentoML, cookiecutter or a killed verb leave is in it, so are
pytest's own folders and the data of Docker daemons. It goes at the end, save folders of tests that failed; these go
when the next session begins. The room of a session that was killed is found by its lock, which nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "delivery"))

from mounts import unmount

PREFIX, LOCK, BRIDGE, OF_PYTEST = "mlgate-tests-", "lock", "bridge", "pytest-of-"
ENDED_SECONDS = 10.0
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlgate"


def claim(parent: Path) -> tuple[Path, TextIO]:
    """A new room, which is this process's for as long as the stream is open; rooms that nobody holds are cleared."""
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), lock.open("r+") as stream:  # another user's, held, or cleared by another
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            clear(lock.parent)
    room = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    return room, held(room, new=True)


def held(room: Path, *, new: bool = False) -> TextIO:
    """Share the hold of a room, as each worker does: it is free when the last of them has ended."""
    path = room / f"{LOCK}.new" if new else room / LOCK
    stream = path.open("w")
    fcntl.flock(stream, fcntl.LOCK_SH)
    if new:
        path.rename(room / LOCK)  # seen by others once it is held
    return stream


def clear(room: Path, keep: str = "") -> None:
    """Remove a room with what runs and is mounted there; names that begin with `keep` stay, if a file is in them."""
    end_programs_of(room)
    unmount(room)
    for bridge in room.glob(f"*/{BRIDGE}"):
        subprocess.run(["ip", "link", "delete", bridge.read_text()], capture_output=True, check=False)
    for bytecode in CACHE.glob("*/bytecode"):
        shutil.rmtree(bytecode.joinpath(*room.parts[1:]), ignore_errors=True)  # no later session has these paths
    kept = [path for path in room.glob(f"{keep}*") if keep and any(file.is_file() for file in path.rglob("*"))]
    for path in room.iterdir():
        if path not in kept and path.name != LOCK:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink()
    if not kept:
        shutil.rmtree(room, ignore_errors=True)


def require(folder: Path, gigabytes: float, what: str) -> None:
    """End with one sentence where a folder's disk is too full: what runs out of it later ends as anything."""
    free = shutil.disk_usage(folder).free / 2**30
    if free < gigabytes:
        said = f"error: {what} takes up to {gigabytes:g} GB in {folder}, and {free:.1f} GB are free"
        pytest.exit(f"{said}; next: free some, or set TMPDIR to a larger disk", returncode=3)


def end_programs_of(room: Path) -> None:
    """End what was started with a TMPDIR in the room: its session is over, so it is nobody's."""
    left = list(_programs(room))
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(left, timeout=ENDED_SECONDS)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=ENDED_SECONDS)


def _programs(room: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            folder = Path(process.environ().get("TMPDIR", "/"))
            if process.pid != os.getpid() and (folder == room or room in folder.parents):
                yield process
