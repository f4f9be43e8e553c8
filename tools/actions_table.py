"""Writes the tables of actions/README.md from each action.yml: what goes in, what comes out, with its own words.

`python tools/actions_table.py` rewrites what stands between the two markers; a test compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ACTIONS = Path(__file__).resolve().parent.parent / "actions"
BEGIN, END = "<!-- actions:begin -->", "<!-- actions:end -->"


def tables() -> str:
    """Every action in alphabetical order: its sentence, and one table of inputs and outputs."""
    return "\n".join(section(path.parent.name, yaml.safe_load(path.read_text("utf-8"))) for path in found())


def found() -> list[Path]:
    return sorted(ACTIONS.glob("*/action.yml"))


def section(name: str, action: dict[str, Any]) -> str:
    lines = [f"### `{name}`", "", f"{action['description']}.", ""]
    rows = [
        ("in", key, one["description"], f"`{one['default']}`" if one.get("default") else "empty")
        for key, one in (action.get("inputs") or {}).items()
    ]
    rows += [("out", key, one["description"], "") for key, one in (action.get("outputs") or {}).items()]
    lines += ["| | name | what | default |", "|---|---|---|---|"]
    lines += [f"| {way} | `{key}` | {' '.join(text.split())} | {default} |" for way, key, text, default in rows]
    return "\n".join(lines) + "\n"


def written(readme: str) -> str:
    """The README with its tables brought up to date."""
    head, rest = readme.split(BEGIN)
    return f"{head}{BEGIN}\n\n{tables()}\n{END}{rest.split(END)[1]}"


def main() -> int:
    path = ACTIONS / "README.md"
    path.write_text(written(path.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
