"""Markdown that shows text as it is, tables, and a page that is cut at the end of a row."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

SUMMARY_BYTES = 1_000_000  # GitHub drops a step's summary of more than 1 MiB, all of it
COMMENT_CHARACTERS = 65_000  # of 65,536 that GitHub takes
CELL = 300
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "`": "&#96;", "@": "@&#8203;", "#": "#&#8203;"}
_ENTITIES |= {char: "\\" + char for char in "\\*_[]~$"}


def escape(text: object, limit: int = CELL) -> str:
    """Text in which no tag, link, mention, reference, table, code, formula or control character is left alive."""
    words = "".join(char if char.isprintable() else " " for char in str(text))
    words = words if len(words) <= limit else words[: limit - 1] + "…"
    inert = "".join(_ENTITIES.get(char, char) for char in words)
    inert = re.sub(r"(?i)(https?|ftp):(?=/)", r"\1&#58;", inert)
    return re.sub(r"(?i)\bwww\.", "www&#46;", inert)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; cells are escaped. Empty where there are no rows."""
    if not rows:
        return ""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def cut(text: str, most: int, note: str = "cut here: the rest is in the artifact") -> str:
    """At most `most` bytes of UTF-8, ended after a whole line, with a note where something is missing."""
    if len(text.encode()) <= most:
        return text
    end = f"\n_{note}_\n"
    head = text.encode()[: most - len(end.encode())].decode("utf-8", "ignore")
    return head[: head.rfind("\n") + 1] + end


def summarise(text: str) -> None:
    """Add to this step's summary as much as GitHub still shows; without a runner, nothing."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    used = Path(path).stat().st_size if Path(path).exists() else 0
    left = SUMMARY_BYTES - used
    if left > 1_000:
        with Path(path).open("a", encoding="utf-8", errors="replace") as file:
            file.write(cut(text, left - 1) + "\n")
