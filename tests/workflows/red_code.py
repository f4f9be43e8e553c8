"""Commits that break what is looked at beside data, model and release: the code, the lock, the tests, the gates."""

from __future__ import annotations

import re

import yaml
from scene import Scene
from spoiling import changed, spoilt, text
from steps import Case, Files

RED: dict[str, dict[str, str]] = {
    "switched-off": {"floor": "scores shuffled: stayed pass", "finite": "infinity: stayed pass"}
}

# Each check before a commit → what it says of the case `untidy`.
HOOKS = {
    "ruff-check": r"F401(.|\n)*src/model/untidy\.py:1:8",
    "ruff-format": "1 file reformatted",
    "mypy": r"src/model/untidy\.py:3: error: Incompatible types",
    "zizmor": r"template-injection(.|\n)*\.github/workflows/untidy\.yml",
    "large-files": r"docs/large\.bin has 11\.0 MB",
    "private-keys": r"docs/key\.md holds a private key",
    "params-schema": "colour: unknown key",
    "governance-schema": r"owners\.accountable",
    "dvc-status": r"data/raw\.parquet is not what dvc\.lock names",
    "check-merge-conflict": r"docs/merged\.md:1: Merge conflict string",
    "check-yaml": r"docs/untidy\.yaml",
    "check-toml": r"docs/untidy\.toml",
    "end-of-file-fixer": r"Fixing docs/endless\.md",
    "trailing-whitespace": r"Fixing docs/spaces\.md",
}


def cases(scene: Scene) -> dict[str, Case]:
    lenient = {"status": "pass"}
    floor = spoilt(scene, "src/mlgate/gates/floor.py", "floor_gate", f".model_copy(update={lenient})")
    finite = changed(
        text(scene, "src/mlgate/quality/columns.py"), (r"        if infinite.any\(\):", "        if False:")
    )
    unlocked: Files = {"pyproject.toml": changed(text(scene, "pyproject.toml"), (r'  "click>=', '  "click>=8.1",'))}
    failing: Files = {"tests/red/test_red.py": "def test_red() -> None:\n    assert 1 == 2\n"}
    passing: Files = {"tests/green/test_green.py": "def test_green() -> None:\n    assert 1 == 1\n"}
    off: Files = {"src/mlgate/gates/floor.py": floor, "src/mlgate/quality/columns.py": finite}
    return {
        "proven": Case("prove-gates"),
        "switched-off": Case("prove-gates", off),
        "tested": Case("run-tests", passing, inputs={"tests": "tests/green"}),
        "untested": Case("run-tests", failing, inputs={"tests": "tests/red"}),
        "unlocked": Case("setup", unlocked),
        "unlocked-code": Case("check-code", unlocked),
        "untidy": Case("check-code", _untidy(scene)),
        "tidy": Case("check-code"),
    }


def _untidy(scene: Scene) -> Files:
    """What each check before a commit refuses."""
    governance = text(scene, "governance/model.yaml")
    return {
        "src/model/untidy.py": "import os\n\nNUMBER: int = 'one'\n",
        ".github/workflows/untidy.yml": INJECTED,
        "docs/key.md": "-----BEGIN {} PRIVATE KEY-----\n".format("RSA"),
        "docs/large.bin": bytes(11_000_000),
        "params.yaml": text(scene, "params.yaml") + "colour: blue\n",
        "governance/model.yaml": changed(governance, (r"  accountable: ", '  accountable: ""')),
        "data/raw.parquet": b"rows",
        "docs/merged.md": "{} HEAD\nours\n".format("<" * 7),
        "docs/untidy.yaml": "one: [1, 2\n",
        "docs/untidy.toml": "one = \n",
        "docs/endless.md": "no newline",
        "docs/spaces.md": "two spaces, and no more  \n",
    }


INJECTED = """\
name: untidy
on: [pull_request]
permissions: {}
jobs:
  greet:
    runs-on: ubuntu-24.04
    steps:
      - run: echo ${{ github.event.pull_request.title }}
"""


def verdicts(scene: Scene, lines: list[str]) -> dict[str, tuple[str, str]]:
    """What the log of `pre-commit` says of each hook of the project: Passed, Failed or Skipped, and its words."""
    listed = yaml.safe_load(text(scene, ".pre-commit-config.yaml"))["repos"][0]["hooks"]
    ids = {hook["name"]: hook["id"] for hook in listed}
    found: dict[str, tuple[str, str]] = {}
    last = ""
    for line in lines:
        if told := re.fullmatch(r"(.+?)\.{3,}(?:\(.*\))?(Passed|Failed|Skipped)", line):
            last = ids[told[1]]
            found[last] = (told[2], "")
        elif last:
            found[last] = (found[last][0], f"{found[last][1]}{line}\n")
    assert set(found) == set(ids.values()), found
    return found
