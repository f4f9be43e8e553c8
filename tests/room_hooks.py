"""Puts a session of pytest into its room, and clears what nobody will look at: at the end, or at once on a full disk.

Kept are `tmp_path` of tests that failed, and what a module's tests share where one of them failed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import room

WHOLE, PART = 6.0, 1.0  # GB
# GB that stay free. As long as they are, nothing goes before the end: a file system without a journal, as virtual
# machines have, looks at every file removed in the last minutes whenever it makes one (61 s of tests took 121).
SPARE = float(os.environ.get("MLGATE_TEST_SPARE_GB") or 20)
KEPT: set[Path] = set()
SESSION = pytest.StashKey[ExitStack]()


@pytest.hookimpl(tryfirst=True)  # before pytest asks where temporary files go
def pytest_configure(config: pytest.Config) -> None:
    stack = config.stash[SESSION] = ExitStack()
    if hasattr(config, "workerinput"):
        stack.enter_context(room.held(Path(tempfile.gettempdir())))
        return
    parent = Path(tempfile.gettempdir())
    folder, stream = room.claim(parent)
    stack.callback(room.clear, folder, room.OF_PYTEST)
    stack.enter_context(stream)
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), None
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.keyword
    room.require(folder, *((WHOLE, "a run of all tests") if whole else (PART, "a run of tests")))


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[SESSION].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and (folder := getattr(item, "funcargs", {}).get("tmp_path")):
        KEPT.add(folder)
    return report


@pytest.hookimpl(trylast=True)  # after the fixtures have ended
def pytest_runtest_teardown(item: pytest.Item) -> None:
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if folder and folder not in KEPT:
        clear_if_short(folder)


def clear_if_short(folder: Path) -> None:
    """Remove what nobody will look at, if the disk is short of room; else the end of the session does."""
    if shutil.disk_usage(folder.parent).free < SPARE * 2**30:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def module_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Path]]:
    """`module_folder("loop")`: a folder for what the tests of a module share; it goes when all of them passed."""
    made: list[Path] = []
    before = request.session.testsfailed

    def _make(name: str) -> Path:
        made.append(tmp_path_factory.mktemp(name))
        return made[-1]

    yield _make
    if request.session.testsfailed > before:
        KEPT.update(made)
    else:
        for folder in made:
            clear_if_short(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """What tests of the whole session shared goes, be it that one failed."""
    base = session.config._tmp_path_factory._basetemp  # type: ignore[attr-defined]
    if base is None or (not hasattr(session.config, "workerinput") and session.config.option.dist != "no"):
        return  # nothing was made, or workers did
    for path in base.iterdir():
        if path.is_symlink():
            path.unlink()
        elif path.is_dir() and path not in KEPT:
            shutil.rmtree(path, ignore_errors=True)
