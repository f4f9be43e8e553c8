"""Where the actions are, and how the runner reads what a step sets."""

from __future__ import annotations

from pathlib import Path

ACTIONS = Path(__file__).resolve().parents[2] / "actions"
BOT = "github-actions[bot]"


def read_outputs(text: str) -> dict[str, str]:
    """`GITHUB_OUTPUT` as the runner reads it: the last value of a name counts."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        name, _, delimiter = line.partition("<<")
        assert delimiter, f"not a heredoc: {line!r}"
        value = []
        for row in lines:
            if row == delimiter:
                break
            value.append(row)
        else:
            raise AssertionError(f"{name} does not end")
        found[name] = "\n".join(value)
    return found
