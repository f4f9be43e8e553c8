"""A repository with a Git of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlgate.project import Project
from toy_repository import PARAMS, git


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A committed repository; Git has no identity, as on a fresh runner."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.delenv("MLGATE_STATE", raising=False)
    root = tmp_path / "toy"
    (root / "src" / "model").mkdir(parents=True)
    (root / "params.yaml").write_text(PARAMS.format(staging=4210, production=4220))
    (root / ".gitignore").write_text(".mlgate/\nreports/\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "-c", "user.name=someone", "-c", "user.email=someone@localhost", "commit", "-q", "-m", "first")
    return Project(root)
