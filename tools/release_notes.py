"""Prints a version's part of CHANGELOG.md: `python tools/release_notes.py v1.2.0`; red where it has none or no date."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def notes(changelog: str, version: str) -> str:
    """The text under `## VERSION, DATE`; LookupError where it is missing, not dated or empty."""
    part = re.search(rf"(?ms)^## {re.escape(version)}, \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog)
    if part is None or not part[1].strip():
        raise LookupError(f"CHANGELOG.md has no part `## {version}, YYYY-MM-DD` with words in it")
    return part[1].strip() + "\n"


def main(argv: list[str]) -> int:
    (tag,) = argv
    try:
        print(notes(CHANGELOG.read_text(encoding="utf-8"), tag.removeprefix("v")), end="")
    except LookupError as error:
        print(f"error: {error}\n  next: write it, commit, and tag that commit", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
