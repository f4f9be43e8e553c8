"""A knife in front of Git, and between the stages of a pipeline: it kills whoever it is told to, when it is told to."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from mlgate.cli import main

SCRIPT = """\
#!{python}
import os, signal, subprocess, sys
folder, parent = os.environ["KNIFE"], os.getppid()
said = " ".join(sys.argv[1:]).replace(chr(10), " ")
with open(folder + "/count", "a") as count:
    count.write(said[:200] + chr(10))
turn = open(folder + "/count").read().count(chr(10))
at, _, moment = os.environ.get("KNIFE_AT", "").rpartition("-")
met = at == str(turn) or (not at.isdigit() and at != "" and at in said)
def cut():
    takes = os.environ.get("KNIFE_TAKES", "parent")
    if takes == "session":
        os.killpg(os.getsid(0), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)  # one of another group
    os.kill(os.getsid(0) if takes == "leader" else parent, signal.SIGKILL)
if met and moment == "before":
    cut()
    sys.exit(1)
code = subprocess.run({program} + sys.argv[1:]).returncode
if met and moment == "after":
    cut()
sys.exit(code)
"""


def forge(folder: Path) -> dict[str, str]:
    """Put the knife into `folder`; the variables under which a program meets it.

    `KNIFE_AT` says where it cuts: `7-before` (the seventh Git), `worktree add-after` (the first with those words).
    `KNIFE_TAKES` says whom it kills: the `parent` that runs Git (default), the `leader` of the session alone, or the
    `session`.
    """
    folder.mkdir()
    for name, program in (("git", [shutil.which("git")]), ("knife", ["true"])):
        (folder / name).write_text(SCRIPT.format(python=sys.executable, program=program))
        (folder / name).chmod(0o755)
    return {"KNIFE": str(folder), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def between_stages(pipeline: Path) -> None:
    """Let each stage of a `dvc.yaml` meet the knife as it begins and as it ends: `begin train`, `end train`."""
    text, found = re.subn(
        r"(?m)cmd: (mlgate (?!ingest)(\w+))$", r"cmd: knife begin \2 && \1 && knife end \2", pipeline.read_text()
    )
    assert found == 3
    pipeline.write_text(text)


def seen(folder: Path) -> list[str]:
    """What Gits ran since this was asked last."""
    path = folder / "count"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def apart(words: list[str], prepare: Callable[[], object]) -> int:
    """Run a verb in a process of its own, `prepare` first; its exit code, or minus the signal that ended it."""
    if (child := os.fork()) == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        code = 99
        try:
            prepare()
            code = main(words)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
