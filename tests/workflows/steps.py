"""Actions run as steps of one job, each on a commit of its own; what each step said, set and left is kept apart."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from scene import Scene

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
FILE = ".github/workflows/steps.yml"
Files = dict[str, "str | bytes | Path | None"]  # content; a link to somewhere; None for a file that is taken away
FROM = "case: "  # a line of the log with which a case's part begins
PREPARE = """\
set -e
git checkout -q --force --detach "origin/case/$1" && git clean -fdq && rm -rf reports
git for-each-ref --format='delete %(refname)' refs/mlgate | git update-ref --stdin
git update-ref refs/heads/env/production "origin/ledger/$1" 2>/dev/null ||
  git update-ref refs/heads/env/production origin/env/production
cp -a "$KEPT/$1/." . && echo "case: $1"
"""
KEEP = """\
mkdir -p "$KEPT/$1/said"
printf '%s' "$OUTCOME" >"$KEPT/$1/said/outcome" && printf '%s' "$OUTPUTS" >"$KEPT/$1/said/outputs"
test ! -e "$PROJECT/reports" || cp -a "$PROJECT/reports" "$KEPT/$1/said/"
"""


@dataclass
class Case:
    """A commit on main, and the action that is run on it.

    `files` are committed; `left` lie in the workspace without being committed, as what an artifact brought; `ledger`
    are files of a further commit on env/production, which this step alone sees.
    """

    action: str
    files: Files = field(default_factory=dict)
    left: dict[str, str | bytes] = field(default_factory=dict)
    ledger: dict[str, bytes] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Said:
    """What a step left: its outcome, its outputs, its lines, its annotations by title, its reports by verb."""

    outcome: str
    outputs: dict[str, str]
    lines: list[str]
    annotations: dict[str, str]
    reports: dict[str, dict[str, Any]]
    summary: str

    @property
    def status(self) -> str:
        return self.outputs.get("status", "")

    def __str__(self) -> str:
        return f"{self.outcome}, {self.status}\n" + "\n".join(self.lines[-60:])


def run(scene: Scene, cases: dict[str, Case], setup: bool = True, **options: Any) -> dict[str, Said]:
    """Run every case, one after the other, in one job that goes on whatever a step says."""
    kept = scene.folder / "kept"
    for name, case in cases.items():
        _write(kept / name, case.left)
        _branch(scene, name, case)
    (kept / "prepare.sh").write_text(PREPARE, encoding="utf-8")
    (kept / "keep.sh").write_text(KEEP, encoding="utf-8")
    scene.commit("Steps", {FILE: workflow(cases, setup)})
    event = scene.pull_request("steps")
    done = scene.run("steps.yml", event, KEPT=str(kept), **options)
    lines = done.jobs["steps"].lines
    assert done.jobs["steps"].result == "success", "a step that is no case failed: " + done.told()
    return {name: _said(kept / name / "said", name, lines, done.summary) for name in cases}


def workflow(cases: dict[str, Case], setup: bool) -> str:
    steps: list[dict[str, Any]] = [{"uses": CHECKOUT, "with": {"fetch-depth": 0, "persist-credentials": False}}]
    steps += [{"uses": "./.github/actions/setup"}] if setup else []
    for name, case in cases.items():
        told = {
            "PROJECT": case.inputs.get("project", "."),
            "OUTCOME": f"${{{{ steps.{name}.outcome }}}}",
            "OUTPUTS": f"${{{{ toJSON(steps.{name}.outputs) }}}}",
        }
        steps += [
            {"run": f'bash "$KEPT/prepare.sh" {name}'},
            {"id": name, "continue-on-error": True, "uses": f"./.github/actions/{case.action}", "with": case.inputs},
            {"run": f'bash "$KEPT/keep.sh" {name}', "env": told},
        ]
    job = {"runs-on": "ubuntu-24.04", "permissions": {"contents": "read", "issues": "write"}, "steps": steps}
    return yaml.safe_dump({"name": "steps", "on": ["pull_request"], "permissions": {}, "jobs": {"steps": job}})


def _branch(scene: Scene, name: str, case: Case) -> None:
    """Branches of the forge: `case/NAME` from main, and `ledger/NAME` from env/production where the case has one."""
    for branch, base, files in (("case", "main", case.files), ("ledger", "env/production", case.ledger)):
        if branch == "ledger" and not files:
            continue
        at = scene.folder / "branches" / f"{branch}-{name}"
        scene.git("worktree", "add", "-q", "--detach", str(at), scene.refs()[base])
        _write(at, files)
        scene.git("add", "-A", "-f", "--", *files, at=at) if files else None
        scene.git("commit", "-q", "--no-verify", "--allow-empty", "-m", f"{branch} {name}", at=at)
        scene.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}/{name}", at=at)


def _write(folder: Path, files: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if isinstance(content, Path):
            path.symlink_to(content)
        elif content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())


COLOUR = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;.*?\x1b\\")  # and links
ANNOTATION = re.compile(r"::(?:error|warning) title=([^:]*)::(.*)")


def _said(folder: Path, name: str, lines: list[str], summary: str) -> Said:
    start = lines.index(FROM + name)
    rest = [COLOUR.sub("", line) for line in lines[start + 1 :]]
    end = next((i for i, line in enumerate(rest) if line.startswith(FROM)), len(rest))
    annotations = {_decoded(found[1]): _decoded(found[2]) for line in rest[:end] if (found := ANNOTATION.search(line))}
    read = {path.stem: json.loads(path.read_bytes()) for path in sorted((folder / "reports").glob("*.json"))}
    reports = {stem: said for stem, said in read.items() if "checks" in said}
    outcome, outputs = ((folder / word).read_text(encoding="utf-8") for word in ("outcome", "outputs"))
    return Said(outcome, json.loads(outputs), rest[:end], annotations, reports, summary)


def _decoded(value: str) -> str:
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0A", "\n"), ("%25", "%")):
        value = value.replace(code, char)
    return value
