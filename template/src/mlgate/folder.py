"""A folder that is replaced as a whole: readers and crashes see the old one or the new one, never a mixture."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlgate.errors import InfraError

_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_HERE = -100  # AT_FDCWD


@contextmanager
def replacement(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, which takes its place when the block ends well and vanishes otherwise.

    Raises
    ------
    InfraError
        If the disk is full, read-only or fails to sync; `target` is as it was.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.new."))
    except OSError as error:
        raise _failed(target, error) from error
    try:
        yield folder
        _sync(folder)
        folder.chmod(0o755)
        _swap(folder, target)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def recover(target: Path) -> None:
    """Clear what a killed run left beside `target`, and put the former folder back where it stood aside."""
    aside = target.parent / f".{target.name}.old"
    if aside.is_dir() and not target.exists():
        aside.rename(target)
    for leftover in [aside, *target.parent.glob(f".{target.name}.new.*")]:
        shutil.rmtree(leftover, ignore_errors=True)


def _swap(new: Path, target: Path) -> None:
    """One atomic step where the kernel has it; elsewhere two, between which `recover` helps."""
    if not target.exists():
        new.rename(target)
    elif not _exchange(new, target):
        aside = target.parent / f".{target.name}.old"
        shutil.rmtree(aside, ignore_errors=True)
        target.rename(aside)
        new.rename(target)
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(left: Path, right: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and rename(_HERE, os.fsencode(left), _HERE, os.fsencode(right), _EXCHANGE) == 0


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _failed(target: Path, error: OSError) -> InfraError:
    return InfraError(f"cannot write {target}: {error.strerror or error}", "free space or make the folder writable")
