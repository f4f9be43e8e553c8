"""A bake under another Python than the one that runs the tests: its lock gives other packages, and all holds."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

CHOICES = ("3.14", "3.13", "3.12", "3.11")  # the newest that is here, since its packages differ the most


@pytest.fixture(scope="module")
def python(run, tmp_path_factory) -> str:
    """Another Python of this machine, of those that the question offers; ci.yml runs all of them in turn."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in CHOICES:
        path = os.pathsep.join([*map(str, versions.glob(f"{version}.*/bin")), os.environ["PATH"]])
        words = [shutil.which("uv"), "python", "find", "--no-project", "--no-python-downloads", version]
        done = run(words, tmp_path_factory.getbasetemp(), PATH=path)
        if version != here and done.returncode == 0:
            return done.stdout.strip()
    pytest.skip(f"this machine has no other Python than {here}")


def test_types_and_tests_of_a_bake_hold_under_another_python(run, bake, python, tmp_path) -> None:
    repository = bake(tmp_path)
    for words in (
        ["sync", "--locked", "--quiet"],
        ["run", "--locked", "mypy"],
        ["run", "--locked", "pytest", "-q"],
        ["lock", "--check"],
    ):
        done = run(["uv", *words], repository, UV_PYTHON=python)
        assert done.returncode == 0, done.stdout + done.stderr
    assert run(["git", "status", "--porcelain"], repository).stdout == ""
