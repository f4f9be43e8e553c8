"""Refuses an answer that could not work, and a folder that is in use, with one sentence and exit code 1.

Plain cookiecutter asks `problem` before, see accepted.py: after what a hook says, cookiecutter prints a traceback.
"""

import json
import re
import sys
from pathlib import Path

DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
IMPORTS = {"mlgate", "model", "src", "test", "tests"}


def problem(answers):
    """What is wrong with the answers, as one sentence that says what to do; empty if nothing is."""
    for key, limit in (("project_name", 100), ("description", 300)):
        text = answers[key]
        if not text.isprintable():
            return f"{key} holds a character that can't be printed: write it on one line of plain text."
        if len(text) > limit:
            return f"{key} has {len(text)} characters: keep it within {limit}."
        if any(tag in text for tag in ("{" + "{", "{" + "%", "{" + "#")):
            return f"{key} holds a template tag: write it without curly braces."
    if not answers["project_name"].strip():
        return "project_name is empty: give the project a name."
    slug, owner = answers["project_slug"], answers["owner"]
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", slug):
        return f"project_slug {slug!r} won't do: use up to 63 of a-z, 0-9 and -, beginning with a letter."
    if slug in DEVICES:
        return f"project_slug {slug!r} is the name of a device on Windows: choose another, such as {slug}-risk."
    if slug in IMPORTS:
        return f"project_slug {slug!r} is a name that the project's own code uses: choose another, such as my-{slug}."
    if not re.fullmatch(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", owner):
        return f"owner {owner!r} is not a GitHub name: use up to 39 letters, digits and single hyphens."
    return ""


def occupied(folder):
    """Why this folder can't be baked into; empty if it is new or holds a `.git` only."""
    others = sorted(path.name for path in folder.iterdir() if path.name != ".git")
    if not others:
        return ""
    return f"{folder} is not empty (it holds {others[0]}): nothing was changed; choose another folder."


if __name__ == "__main__":
    # tojson escapes single quotes, so no answer can end this string
    answers = json.loads(r'{{ cookiecutter | tojson }}')  # fmt: skip
    words = problem(answers) or occupied(Path.cwd())
    if words:
        print(f"mlgate: {words}", file=sys.stderr)
        sys.exit(1)
