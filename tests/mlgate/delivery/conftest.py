"""A repository with a Git of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from toy_repository import processes_of, toy_project

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
    for name in ("MLGATE_STATE", "GITHUB_RUN_ID"):  # each verb is a run of its own
        monkeypatch.delenv(name, raising=False)
    return toy_project(tmp_path / "toy")


@pytest.fixture(scope="session")
def faketime() -> str:
    """The library under which a program sees another time."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found and os.environ.get("MLGATE_TEST_EVERYTHING"):
        pytest.fail("not installed: libfaketime; .ci/run installs what tests need")
    if not found:
        pytest.skip("not installed: libfaketime")
    return str(found[0])


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
