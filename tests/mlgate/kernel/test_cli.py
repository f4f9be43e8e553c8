"""The front door: exit codes, one message, no traceback, and help that costs nothing."""

import subprocess
import sys

import click
import pytest

from mlgate import cli
from mlgate.errors import ConfigError, DataError, InfraError


def raising(error):
    @click.command()
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("row 3 is bad", "fix it"), 1),
        (ConfigError("key a is bad", "fix it"), 2),
        (InfraError("disk is bad", "fix it"), 3),
        (PermissionError(13, "Permission denied", "reports"), 3),
        (click.UsageError("no such thing"), 2),
        (KeyboardInterrupt(), 130),
        (click.exceptions.Abort(), 130),
        (ZeroDivisionError("a bug"), 3),
    ],
)
def test_every_way_to_end_has_its_exit_code_and_no_traceback(monkeypatch, capsys, tmp_path, error, code):
    monkeypatch.setenv("MLGATE_STATE", str(tmp_path))
    monkeypatch.setattr(cli._Lazy, "get_command", lambda self, ctx, name: raising(error))
    assert cli.main(["ingest"]) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert said.err.strip()


def test_a_bug_leaves_its_traceback_in_a_file_for_the_report(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MLGATE_STATE", str(tmp_path))
    monkeypatch.setattr(cli._Lazy, "get_command", lambda self, ctx, name: raising(ZeroDivisionError("a bug")))
    cli.main(["ingest"])
    assert "ZeroDivisionError: a bug" in (tmp_path / "crash.log").read_text()
    assert "crash.log" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["nonsense"], ["--nonsense"], ["ingest", "--nonsense"]])
def test_a_wrong_call_is_a_usage_error(argv, capsys):
    assert cli.main(argv) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_outside_a_repository_a_verb_says_where_it_looked(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mlgate", "doctor"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert "cd into the repository" in done.stderr


LOST = """
import click, signal, time, weakref
from mlgate import cli

class Module: pass

@click.command()
def command():
    module = Module()
    reference = weakref.ref(module, lambda _: signal.raise_signal(signal.SIGINT))
    del module
    time.sleep(60)
    print("it went on")

cli._Lazy.get_command = lambda self, ctx, name: command
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.sys.argv = ["mlgate", "ingest"]
cli.entry()
"""


def test_a_ctrl_c_that_comes_while_python_runs_a_callback_of_its_own_is_not_lost():
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 130, done.stderr
    assert done.stdout == ""
    assert done.stderr.strip() == "interrupted: nothing was left half-written; run the same verb again"


def test_other_errors_that_python_can_only_print_are_printed_as_ever():
    code = """
from mlgate import cli

class Broken:
    def __del__(self):
        raise ValueError("lost")

cli.sys.argv = ["mlgate", "--help"]
try:
    cli.entry()
finally:
    Broken()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ValueError: lost" in done.stderr
