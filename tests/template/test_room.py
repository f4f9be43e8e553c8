"""What a session of tests leaves in the machine's temporary folder: nothing where all passed, and after a kill no
longer than until the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import room

TESTS = Path(__file__).resolve().parents[1]
CONFTEST = """
import pytest
from room_hooks import *

@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return tmp_path_factory.mktemp("world")

@pytest.fixture(scope="module")
def shared(module_folder):
    return module_folder("shared")
"""
SUITE = """
import subprocess, tempfile, time
from pathlib import Path

def test_leaves_what_programs_leave(world, shared, tmp_path):
    for folder in (world, shared, tmp_path, Path(tempfile.gettempdir())):
        (folder / "file").touch()
"""
LATER = """
def test_how_many_folders_of_another_module_are_left(tmp_path):
    folders = [path.name for path in tmp_path.parent.iterdir() if path.is_dir() and not path.is_symlink()]
    left = [name for name in folders if name.startswith(("shared", "test_leaves"))]
    assert len(left) == {left}, left
"""
RED = """
def test_is_red(world, shared, tmp_path):
    (tmp_path / "evidence").touch()
    assert False
"""
HANGS = """
def test_is_killed(world):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (Path({told!r})).write_text(f"{{child.pid}} {{world}}")
    time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The temporary folder of a machine of its own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@pytest.fixture
def session(tmp_path: Path, temporary: Path, environ: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """`session("text of a test", "text of another", words=…)`: pytest on a suite of these, started."""

    def _session(*modules: str, words: tuple[str, ...] = ("-n", "2")) -> subprocess.Popen[str]:
        suite = tmp_path / "suite"
        suite.mkdir(exist_ok=True)
        for old in suite.glob("test_*.py"):
            old.unlink()
        for number, text in enumerate(modules):
            (suite / f"test_{number}.py").write_text(text)
        (suite / "conftest.py").write_text(CONFTEST)
        (suite / "pytest.ini").write_text("[pytest]\ntmp_path_retention_policy = all\n")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", *words]
        own = {"TMPDIR": str(temporary), "PYTHONPATH": str(TESTS), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.Popen(
            [*command, str(suite)], cwd=suite, env=environ | own, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    return _session


def ended(process: subprocess.Popen[str], code: int) -> str:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == code, said
    return said


def test_a_session_whose_tests_passed_leaves_nothing(session, temporary: Path) -> None:
    ended(session(SUITE), 0)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("spare", "left"), [("0", 2), ("1e9", 0)], ids=["room enough", "a disk that is short of it"])
def test_what_nobody_will_look_at_goes_at_the_end_or_at_once(
    session, temporary: Path, spare: str, left: int, monkeypatch: pytest.MonkeyPatch, environ
) -> None:
    monkeypatch.setitem(environ, "MLGATE_TEST_SPARE_GB", spare)
    ended(session(SUITE, LATER.replace("{left}", str(left)), words=()), 0)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("words", [("-n", "2"), ()], ids=["two workers", "no worker"])
def test_of_a_red_session_the_folders_of_red_tests_stay_until_the_next(session, temporary: Path, words) -> None:
    ended(session(SUITE + RED, words=words), 1)
    files = {path.name for path in temporary.rglob("*") if path.is_file() and not path.name.startswith(".")}
    assert files - {room.LOCK, "file"} == {"evidence"}
    folders = {path.name.rstrip("0123456789") for path in temporary.rglob("*/") if path.is_dir()}
    assert {"shared", "test_is_red"} <= folders
    assert not folders & {"world", "test_leaves_what_programs_leav"}
    ended(session(SUITE), 0)
    assert list(temporary.iterdir()) == []


def test_what_a_killed_session_left_running_and_on_the_disk_goes_with_the_next(
    session, temporary: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    killed = session(SUITE + HANGS.format(told=str(told)))
    wait_for(lambda: told.is_file() and told.read_text())
    pid, world = told.read_text().split()
    ended(session(SUITE), 0)
    assert psutil.pid_exists(int(pid)), "another session's"
    assert Path(world).is_dir()
    for process in (*psutil.Process(killed.pid).children(), psutil.Process(killed.pid)):
        process.send_signal(signal.SIGKILL)
    assert killed.stdout
    killed.stdout.close()
    killed.wait()
    ended(session(SUITE), 0)
    assert list(temporary.iterdir()) == []
    wait_for(lambda: not psutil.pid_exists(int(pid)))


@pytest.fixture
def mounted(temporary: Path) -> Iterator[Path]:
    """A folder in a room, with a file system in it."""
    if os.geteuid() or not room.PREFIX:
        pytest.skip("mounting needs root")
    left = temporary / f"{room.PREFIX}left"
    (left / "root of a daemon").mkdir(parents=True)
    (left / room.LOCK).touch()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(left / "root of a daemon")], check=True)
    (left / "root of a daemon" / "file").touch()
    yield left
    subprocess.run(["umount", "--lazy", str(left / "root of a daemon")], capture_output=True, check=False)


def test_what_is_mounted_there_is_unmounted_and_never_walked_into(mounted: Path, temporary: Path) -> None:
    claimed, stream = room.claim(temporary)
    assert not mounted.exists()
    assert str(mounted) not in Path("/proc/self/mounts").read_text()
    with stream:
        assert list(temporary.iterdir()) == [claimed]


def test_a_disk_that_is_too_full_is_named_with_what_is_needed_and_free(tmp_path: Path) -> None:
    room.require(tmp_path, 0, "nothing")
    with pytest.raises(pytest.exit.Exception) as caught:
        room.require(tmp_path, 10**9, "a run of all tests")
    assert caught.value.returncode == 3
    said = str(caught.value)
    assert said.startswith(f"error: a run of all tests takes up to 1e+09 GB in {tmp_path}, and ")
    assert "GB are free" in said
    assert "next: " in said


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
