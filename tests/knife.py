"""A knife in front of Git: it kills the program that runs Git at the Git that was asked for, before or after it ran."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

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
if met and moment == "before":
    os.kill(parent, signal.SIGKILL)
    sys.exit(1)
code = subprocess.run(["{git}", *sys.argv[1:]]).returncode
if met and moment == "after":
    os.kill(parent, signal.SIGKILL)
sys.exit(code)
"""


def forge(folder: Path) -> dict[str, str]:
    """Put the knife into `folder`; the variables under which a program meets it.

    `KNIFE_AT` says where it cuts: `7-before` (the seventh Git), `worktree add-after` (the first with those words).
    """
    folder.mkdir()
    (folder / "git").write_text(SCRIPT.format(python=sys.executable, git=shutil.which("git")))
    (folder / "git").chmod(0o755)
    return {"KNIFE": str(folder), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def seen(folder: Path) -> list[str]:
    """What Gits ran since this was asked last."""
    path = folder / "count"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines
