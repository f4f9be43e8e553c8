"""Whether the files that a gate rests on differ from another commit; where that can't be known, they do."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from actionlib.problems import ActionError, OutsideError, ended
from actionlib.repository import git
from actionlib.workflow import annotate, output, plain

GATES = ("src/", "params.yaml", "dvc.yaml", "pyproject.toml", "uv.lock", ".python-version", ".github/", "tests/")


def main() -> int:
    output({"gates": "true"})
    against = os.environ.get("AGAINST", "")
    if not against:
        print("nothing to compare with: every gate is proven")
        return 0
    if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", against):
        raise ActionError(f"{against[:60]!r} is no commit", "give the full hash of the base commit")
    try:
        changed = git(Path.cwd(), "diff", "--name-only", "-z", against, "HEAD", "--").strip("\0").split("\0")
    except OutsideError as error:
        annotate("warning", f"{error}: every gate is proven")
        return 0
    touched = [name for name in changed if name.startswith(GATES)]
    output({"gates": "true" if touched else "false"})
    print(f"{len(touched)} of {len(list(filter(None, changed)))} changed files touch a gate")
    for name in touched[:20]:
        print(f"  {plain(name)}")
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
