"""Thousands of releases leave tens of thousands of small files: after each, Git is asked whether to pack them.

A person's `git commit` asks that as well; on a server where only mlgate writes nobody would. It is asked when the
release answers already, goes on in the background (`gc.autoDetach`), and takes what Git's settings say: with `gc.auto`
of 0 it does nothing.
"""

from __future__ import annotations

from pathlib import Path

from mlgate.ledger.plumbing import DURABLE, ask

# What a deploy has stored a moment ago and no branch names yet must stay, whatever this repository's settings say.
YOUNG = ("-c", "gc.pruneExpire=2.weeks.ago")


def tidy(folder: Path) -> list[str]:
    """Let Git pack the repository of `folder` if it is time; what to know where it couldn't: nothing fails by it."""
    answer = ask(folder, "maintenance", "run", "--auto", "--quiet", settings=(*DURABLE, *YOUNG))
    return [f"Git could not pack what many releases left: {answer.words}; see `git gc`"] if answer.code else []
