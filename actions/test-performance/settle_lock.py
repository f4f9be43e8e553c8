"""Puts dvc.lock back as it was committed where it differs in nothing but the bytes of the model that was made here.

Arithmetic differs in the last bits between processors, so a model trained again on a runner need not be, byte for
byte, the one of the laptop that wrote the lock. The model that was judged here is the one that goes on; a lock that
differs in anything else was not committed, and `mlgate package` refuses it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from actionlib.problems import ended
from actionlib.repository import git
from actionlib.workflow import annotate

LOCK = "dvc.lock"
MODELS = "models"


def main() -> int:
    here = Path.cwd()
    if not git(here, "diff", "--name-only", "HEAD", "--", LOCK):
        print(f"{LOCK} is as it was committed")
        return 0
    committed = git(here, "show", f"HEAD:{LOCK}", check=False)
    if not committed or without_models(committed) != without_models((here / LOCK).read_text(encoding="utf-8").strip()):
        annotate("warning", f"{LOCK} is not what was committed: run `uv run dvc repro`, and commit {LOCK}", file=LOCK)
        return 0
    git(here, "checkout", "--quiet", "HEAD", "--", LOCK)
    print(f"{LOCK}: the model made here differs in bytes from the one that was committed; this one was judged")
    return 0


def without_models(lock: str) -> list[str]:
    """The lines of a dvc.lock but the hashes and sizes of `models`, which `train` writes and `evaluate` reads."""
    kept, inside, indent = [], False, 0
    for line in lock.splitlines():
        depth = len(line) - len(line.lstrip())
        if line.lstrip().startswith("- path:"):
            inside, indent = line.split(":", 1)[1].strip() == MODELS, depth
        elif depth <= indent:
            inside = False
        if not inside or line.lstrip().startswith("- path:"):
            kept.append(line)
    return kept


if __name__ == "__main__":
    sys.exit(ended(main))
