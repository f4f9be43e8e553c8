"""The newest release of every action in actions/pins.toml, by GitHub's API: pinned wherever it is used, and examined.

A tag is followed to its commit, also where it is annotated. A release whose `action.yml` no longer takes an input that
a step gives is told: GitHub would only warn, and go on without it.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from newest_moves import ROOT, Move, StuckError

sys.path.insert(0, str(ROOT / "actions" / "lib"))

from actionlib.problems import ActionError
from actionlib.rest import Client

KIND = "action"
_TAG = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_ROW = re.compile(r'(?ms)(^\[\[action\]\]\nname = "{}"\n)tag = "[^"]+"\nsha = "[^"]+"\nevidence = "[^\n]*"\n')


def upgrade(root: Path = ROOT, client: Client | None = None) -> list[Move]:
    """Pin the newest of each; one that can't be asked for, or would break a step, is told and the others go on."""
    client = client or Client.from_environment()
    pins, moves = root / "actions" / "pins.toml", []
    for row in tomllib.loads(pins.read_text(encoding="utf-8"))["action"]:
        name, before = row["name"], row["tag"]
        try:
            tag, sha = newest(client, name)
            if not newer(tag, before):
                continue
            pin(root, name, row["sha"], before, sha, tag)
            lost = sorted(given(root, name) - inputs(client, name, sha))
        except (ActionError, StuckError) as error:
            moves.append(Move(KIND, name, before, before, str(error)))
            continue
        moves.append(Move(KIND, name, before, tag, f"takes no {', '.join(lost)} any more" if lost else ""))
    return moves


def newest(client: Client, name: str) -> tuple[str, str]:
    """Tag and commit of what GitHub calls the latest release."""
    tag = str(client.call("GET", f"{client.url}/repos/{name}/releases/latest")["tag_name"])
    if not _TAG.fullmatch(tag):
        raise StuckError(f"the latest release is called {tag[:40]!r}, which is no version")
    sha = str(client.call("GET", f"{client.url}/repos/{name}/commits/{tag}")["sha"])
    if not re.fullmatch("[0-9a-f]{40}", sha):
        raise StuckError(f"{tag} leads to no commit")
    return tag, sha


def newer(tag: str, than: str) -> bool:
    """Whether a version is later: the latest release may be one of an older line."""
    ours, theirs = _TAG.fullmatch(than), _TAG.fullmatch(tag)
    return bool(theirs) and (ours is None or tuple(map(int, theirs.groups())) > tuple(map(int, ours.groups())))


def pin(root: Path, name: str, old: str, before: str, new: str, after: str) -> None:
    """The row of pins.toml, and every file of the repository that names the old commit."""
    pins = root / "actions" / "pins.toml"
    row = f'\\g<1>tag = "{after}"\nsha = "{new}"\nevidence = "latest release, by GitHub\'s API"\n'
    text, found = re.subn(_ROW.pattern.format(re.escape(name)), row, pins.read_text(encoding="utf-8"))
    if found != 1:
        raise StuckError("its row in actions/pins.toml is not written like the others")
    pins.write_text(text, encoding="utf-8")
    for path in files(root):
        text = path.read_text(encoding="utf-8")
        used = re.compile(rf"({re.escape(name)}(?:/[\w./-]+)?@){old}( # {re.escape(before)}(?=\s|$))?", re.MULTILINE)
        changed = used.sub(lambda at: f"{at[1]}{new}" + (f" # {after}" if at[2] else ""), text)
        if changed != text:
            path.write_text(changed, encoding="utf-8")


def files(root: Path) -> Iterator[Path]:
    """Workflows, actions and tests; a symlink's file once."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", ".github", "actions", "template/.github", "tests"],
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        path = root / name
        if path.suffix in (".yml", ".yaml", ".py") and path.is_file() and not path.is_symlink():
            yield path


def given(root: Path, name: str) -> set[str]:
    """Every input that a step of a workflow or an action gives it."""
    found: set[str] = set()
    for path in files(root):
        if path.suffix == ".py" or "tests" in path.relative_to(root).parts:
            continue
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        jobs: list[dict[str, Any]] = [*(content.get("jobs") or {}).values(), content.get("runs") or {}]
        for step in (step for job in jobs for step in job.get("steps") or []):
            if str(step.get("uses", "")).partition("@")[0] == name:
                found |= set(step.get("with") or {})
    return found


def inputs(client: Client, name: str, sha: str) -> set[str]:
    """What the action declares at that commit."""
    for file in ("action.yml", "action.yaml"):
        try:
            answer = client.call("GET", f"{client.url}/repos/{name}/contents/{file}?ref={sha}")
        except ActionError as error:
            if file == "action.yaml" or "404" not in str(error):
                raise
            continue
        return set((yaml.safe_load(base64.b64decode(answer["content"])) or {}).get("inputs") or {})
    raise StuckError("it has no action.yml")
