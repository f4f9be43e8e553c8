"""What the tools keep below ~/.cache/mlgate for several checkouts, and when it goes.

A set of programs is named by what pins it. It is kept while a checkout that exists asks for it, and for a day after its
last use, for whoever goes back and forth between branches. Which checkouts there are, `tools/run` writes down.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlgate"
KEPT_SECONDS = 24 * 3600


def sweep(kind: Path, wanted: Callable[[Path], set[str]]) -> None:
    """Remove the sets in the folder `kind` that are not among the names `wanted(tools)` of any checkout's tools."""
    names: set[str] = set()
    for record in CACHE.glob("*/checkout"):
        with contextlib.suppress(OSError):  # the checkout is gone, or has no such tools
            names |= wanted(Path(record.read_text(encoding="utf-8").rstrip("\n")) / "tools")
    for folder in kind.iterdir():
        if folder.name.startswith(".gone."):
            shutil.rmtree(folder, ignore_errors=True)
        elif folder.is_dir() and folder.name not in names and time.time() - folder.stat().st_mtime > KEPT_SECONDS:
            gone = folder.with_name(f".gone.{folder.name}")
            with contextlib.suppress(OSError):  # another one was faster
                shutil.rmtree(folder.rename(gone), ignore_errors=True)


@contextlib.contextmanager
def building() -> Iterator[dict[str, str]]:
    """Variables under which Go builds in caches of their own, which programs share and which go with the last builder.

    Its usual ones grow by gigabytes with each new pin and are never emptied; who set them has them used.
    """
    folder = CACHE / "building"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "building.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        own = {"GOCACHE": str(folder / "compiled"), "GOMODCACHE": str(folder / "modules")}
        try:
            yield {**own, **{key: os.environ[key] for key in own if key in os.environ}}
        finally:
            with contextlib.suppress(BlockingIOError):  # somebody else builds
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
