"""Brings all that this repository pins to its newest version, in this checkout, and tells what moved and what did not.

`tools/run python tools/newest.py` moves all of it, `… go npm` those kinds alone. The table goes to the step's summary
and to build/newest.json, from which `newest_issue.py` tells people. Exit code 1 where something could not be moved, or
breaks by being moved; what could is moved all the same, for the tests to run on. `git checkout .` undoes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import newest_actions
import newest_go
import newest_packages
from actionlib.markdown import table
from actionlib.problems import ActionError
from newest_moves import Move, StuckError, told, write

# In this order: a lock that changed gives the next `tools/run` another environment.
KINDS: dict[str, Callable[[], list[Move]]] = {
    "actions": newest_actions.upgrade,
    "go": newest_go.upgrade,
    "npm": newest_packages.upgrade_npm,
    "python": newest_packages.choose_python,
    "packages": newest_packages.upgrade,
}


def main(argv: list[str]) -> int:
    if unknown := [word for word in argv if word not in KINDS]:
        print(f"error: there is no kind {unknown[0]!r}\n  next: one of {', '.join(KINDS)}", file=sys.stderr)
        return 2
    moves: list[Move] = []
    for name in argv or KINDS:
        print(f"the newest of: {name}", flush=True)
        moves += moved(name)
        write(moves)
    show(moves)
    return 1 if any(move.why for move in moves) else 0


def moved(name: str) -> list[Move]:
    """The moves of a kind; where it could not be asked at all, that is one too."""
    try:
        return KINDS[name]()
    except (StuckError, ActionError, OSError) as error:
        return [Move(name, "all", "", "", str(error))]


def show(moves: list[Move]) -> None:
    for move in moves:
        print(f"  {' '.join(told(move)).rstrip()}")
    print(f"{sum(not move.why for move in moves)} moved, {sum(bool(move.why) for move in moves)} to look at")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as out:
            out.write(table(("kind", "name", "pinned", "newest", "remark"), [told(move) for move in moves]) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
