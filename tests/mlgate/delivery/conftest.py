"""A repository with a Git of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from toy_repository import PARAMS, PRODUCTION, STAGING, git, processes_of

from mlgate.engine import bluegreen as engine
from mlgate.project import Project


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
    (root / "params.yaml").write_text(PARAMS.format(staging=STAGING, production=PRODUCTION))
    (root / ".gitignore").write_text(".mlgate/\nreports/\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "-c", "user.name=someone", "-c", "user.email=someone@localhost", "commit", "-q", "-m", "first")
    return Project(root)


@pytest.fixture
def served(project: Project) -> Iterator[Project]:
    """A project whose services are stopped afterwards, whatever the test did to them."""
    try:
        yield project
    finally:
        engine.stop(project, "staging")
        engine.stop(project, "production")
        left = processes_of(project)
        for pid in left:
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).kill()
        assert left == []
