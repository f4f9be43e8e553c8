"""What the tests of the bake share: a copy of this checkout to spoil, and the default project installed for real."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RENDERED = {"README.md", ".github/CODEOWNERS", ".python-version", "governance/model.yaml", "params.yaml"}


@pytest.fixture(scope="session")
def rendered() -> set[str]:
    """The only files that answers change; everything else is copied as it is."""
    return RENDERED


@pytest.fixture
def checkout(tmp_path: Path, template: Path) -> Path:
    """A copy of the template with its Git history, to do anything to."""
    return Path(shutil.copytree(template, tmp_path / "mlgate", symlinks=True))


@pytest.fixture(scope="session")
def installed(project_copy: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, run: Callable) -> Path:
    """The default project with its own environment, exactly as `uv sync --locked` makes it for a user."""
    assert shutil.which("uv"), "these tests need uv on the PATH: run them by `make test`"
    repository = project_copy(tmp_path_factory.mktemp("installed"))
    done = run(["uv", "sync", "--locked", "--quiet"], repository, UV_PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    return repository
