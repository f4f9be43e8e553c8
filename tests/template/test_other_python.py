"""A bake for each Python that the question offers, on that Python: its lock gives other packages, and all holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

QUESTIONS = json.loads((Path(__file__).parents[2] / "cookiecutter.json").read_text(encoding="utf-8"))
OFFERED: list[str] = QUESTIONS["python_version"]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"  # on this one, test_locked.py asks the same


def others() -> list[object]:
    """The default always; the others are left to CI."""
    found = [version for version in OFFERED if version != HERE]
    return [pytest.param(one, marks=[] if one == OFFERED[0] else pytest.mark.thorough) for one in found]


@pytest.mark.parametrize("version", others())
def test_hooks_and_tests_of_a_bake_hold_under_another_python(run, bake, other_python, version, tmp_path) -> None:
    settings = {"UV_PYTHON": other_python(version), "PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}
    repository = bake(tmp_path / "bake", python_version=version)
    for words in (
        ["sync", "--locked", "--quiet"],
        ["run", "--locked", "pre-commit", "run", "--all-files"],
        ["run", "--locked", "pytest", "-q"],
        ["lock", "--check"],
    ):
        done = run(["uv", *words], repository, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
    assert run(["git", "status", "--porcelain"], repository).stdout == ""
