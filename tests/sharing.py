"""How the workers share the tests and what is made for them.

Tests go by file, the long ones first; files that need the same image go to one worker.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Minutes a file at first, seconds at last: nobody ends alone with a long one.
ORDER = ("loops", "workflows", "delivery", "template", "mlgate")
# Their project, image and daemon are made once a worker, which takes over a minute.
TOGETHER = {f"tests/delivery/test_{name}.py": "images" for name in ("image", "container_engine", "provenance")}


def place(nodeid: str) -> int:
    """Where a test comes in the order."""
    folder = nodeid.removeprefix("tests/").partition("/")[0]
    return ORDER.index(folder) if folder in ORDER else len(ORDER)


def group(nodeid: str) -> str:
    """The tests that one worker runs, one after another."""
    file = nodeid.partition("::")[0]
    return TOGETHER.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """xdist's own sharing by file, where a group may be several files."""
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return ByGroup(config, log)


def of_all_workers(factory: pytest.TempPathFactory) -> Path:
    """A folder of this session that all its workers see."""
    base = factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """`folder` as `make` filled it, by whichever worker came first; the others wait. What failed is made again."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.with_name(f"{folder.name}.made")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            made.touch()
    return folder
