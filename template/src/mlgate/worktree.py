"""A second checkout in which a verb can work without touching the user's files; it vanishes afterwards."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlgate.project import Project, run


@contextmanager
def worktree(project: Project, name: str, commit: str = "HEAD") -> Iterator[Project]:
    """A commit as a project of its own that shares DVC's cache and this machine's state.

    Whatever a killed run left behind under the same name is removed first.

    Raises
    ------
    InfraError
        If the repository does not have the commit, as in a shallow clone.
    """
    folder = project.state / "worktrees" / name
    _remove(project, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        project.git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        copy = Project(folder)
        cache = _cache(project)
        dvc = [sys.executable, "-m", "dvc", "cache", "dir", "--local", str(cache)]
        run(dvc, folder, environ=environ(project, copy))
        yield copy
    finally:
        _remove(project, folder)


def _cache(project: Project) -> Path:
    """DVC's cache of the project; that of the original where the project is itself a second checkout."""
    common = Path(project.git("rev-parse", "--git-common-dir"))
    original = (project.root / common).resolve().parent
    return (original if (original / ".dvc").is_dir() else project.root) / ".dvc" / "cache"


def environ(project: Project, copy: Project) -> dict[str, str]:
    """Variables for a command in the copy: its own code, but the state (MLflow, releases) of the original."""
    return copy.environ({"MLGATE_STATE": str(project.state)})


def _remove(project: Project, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    project.git("worktree", "prune")
