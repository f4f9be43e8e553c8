"""A second checkout in which a verb can work without touching the user's files; it vanishes afterwards."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlgate.project import Project, run


@contextmanager
def worktree(project: Project, name: str) -> Iterator[Project]:
    """The commit that is checked out, as a project of its own that shares DVC's cache and this machine's state.

    Whatever a killed run left behind under the same name is removed first.
    """
    folder = project.state / "worktrees" / name
    _remove(project, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        project.git("worktree", "add", "--quiet", "--detach", str(folder), "HEAD")
        copy = Project(folder)
        cache = project.root / ".dvc" / "cache"
        dvc = [sys.executable, "-m", "dvc", "cache", "dir", "--local", str(cache)]
        run(dvc, folder, environ=environ(project, copy))
        yield copy
    finally:
        _remove(project, folder)


def environ(project: Project, copy: Project) -> dict[str, str]:
    """Variables for a command in the copy: its own code, but the state (MLflow, releases) of the original."""
    return copy.environ({"MLGATE_STATE": str(project.state)})


def _remove(project: Project, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    project.git("worktree", "prune")
