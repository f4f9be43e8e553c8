"""Ctrl-C in what the Makefile calls: the command has time to clean up, and nobody sees a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLOW = """
import pathlib, signal, sys, time
def clean_up(*_):
    time.sleep(1)
    pathlib.Path("cleaned").touch()
    sys.exit(2)
signal.signal(signal.SIGINT, clean_up)
pathlib.Path("started").touch()
time.sleep(60)
"""


@pytest.mark.parametrize("times", [1, 3])
def test_ctrl_c_waits_for_the_command_to_clean_up_however_often_it_is_pressed(tmp_path: Path, times: int) -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tools" / "timed.py"), "slow", sys.executable, "-c", SLOW],
        cwd=tmp_path, start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not (tmp_path / "started").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    _, complaints = process.communicate(timeout=30)
    assert (tmp_path / "cleaned").exists()
    assert process.returncode == 130
    assert "Traceback" not in complaints
