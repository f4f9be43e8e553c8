"""The checks before a commit, one small module each: `python -m mlgate.hooks.NAME [FILE...]`, exit code 0 or 1."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def verdict(problems: Iterable[str]) -> int:
    """Print each problem on its own line; 1 if there is any, 0 otherwise."""
    found = list(problems)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0
