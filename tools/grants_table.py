"""Writes the table of permissions in docs/github.md from the workflows, reasons included.

`python tools/grants_table.py` rewrites what stands between the two markers; a test compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- grants:begin -->", "<!-- grants:end -->"
_JOB = re.compile(r"^  ([a-z-]+):$")
_GRANT = re.compile(r"^      ([a-z-]+): (read|write) # (.+)$")


def grants() -> Iterator[tuple[str, str, str, str, str]]:
    """(workflow, job, right, read or write, why) in the order of the files."""
    for path in sorted((ROOT / "template" / ".github" / "workflows").glob("*.yml")):
        job = ""
        for line in path.read_text("utf-8").splitlines():
            if found := _JOB.match(line):
                job = found[1]
            elif found := _GRANT.match(line):
                yield path.stem, job, found[1], found[2], found[3]


def table() -> str:
    lines = ["| workflow | job | right | | for |", "|---|---|---|---|---|"]
    lines += [f"| `{flow}` | `{job}` | `{right}` | {how} | {why} |" for flow, job, right, how, why in grants()]
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with its table brought up to date."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


def main() -> int:
    path = ROOT / "docs" / "github.md"
    path.write_text(written(path.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
