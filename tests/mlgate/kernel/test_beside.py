"""A command that runs beside this process: waited for with its words, or ended with what needed it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from mlgate.errors import InfraError
from mlgate.project import begun

COPY = "import sys; said = sys.stdin.read(); open('copied', 'w').write(said)"
MANY = 1_000_000  # more bytes than a pipe holds


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_it_works_meanwhile_and_reads_what_it_was_given(tmp_path: Path) -> None:
    with begun(python(COPY), tmp_path, stdin=b"x" * MANY) as wait:
        until = time.monotonic() + 60
        while not (tmp_path / "copied").is_file() or (tmp_path / "copied").stat().st_size < MANY:
            assert time.monotonic() < until, "it begins before it is waited for"
            time.sleep(0.01)
        wait()


def test_its_input_ends_when_it_is_waited_for(tmp_path: Path) -> None:
    with begun(python("import sys; open('began', 'w'); " + COPY), tmp_path) as wait:
        until = time.monotonic() + 60
        while not (tmp_path / "began").is_file():
            assert time.monotonic() < until
            time.sleep(0.01)
        assert not (tmp_path / "copied").is_file()
        wait()
    assert (tmp_path / "copied").read_text() == ""


def test_its_last_words_are_told_however_much_it_said(tmp_path: Path) -> None:
    said = f"import sys; print('x' * {MANY}); sys.exit('no such column: amount')"
    with begun(python(said), tmp_path) as wait, pytest.raises(InfraError, match=r"failed: .*no such column: amount"):
        wait()
    with begun(python("raise SystemExit(7)"), tmp_path) as wait, pytest.raises(InfraError, match=r"failed: 7$"):
        wait()


def test_it_ends_with_what_needed_it(tmp_path: Path) -> None:
    endless = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    pid = tmp_path / "pid"

    def interrupted() -> None:
        with begun(python(endless), tmp_path):
            deadline = time.monotonic() + 60
            while not (pid.is_file() and pid.read_text()):
                assert time.monotonic() < deadline, "the program never began"
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not psutil.pid_exists(int(pid.read_text()))


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="no-such-program is not installed"), begun(["no-such-program"], tmp_path):
        pass
