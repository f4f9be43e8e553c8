"""A second checkout in which a verb can work without touching the user's files; it vanishes afterwards."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from mlgate.engine.pids import alone, marked
from mlgate.ledger.plumbing import common
from mlgate.project import Project, run

MARK = "MLGATE_WORKTREE"  # the variable that whatever works in a second checkout is given; its value is the folder
LOCK_SECONDS = 600.0


@contextmanager
def worktree(
    project: Project, name: str, commit: str = "HEAD", waiting: Callable[[], object] | None = None
) -> Iterator[Project]:
    """A commit as a project of its own that shares DVC's cache and this machine's state.

    One at a time has the name; another waits, and calls `waiting` where that takes long. Whatever a killed run left
    behind under it is removed first, processes that outlived it included.

    Raises
    ------
    InfraError
        If the repository does not have the commit, as in a shallow clone, or another run goes on for ten minutes.
    """
    folder = project.state / "worktrees" / name
    lock = folder.parent.with_name(f"worktree-{name}.lock")
    with alone(lock, LOCK_SECONDS, f"working in {folder}", waiting):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _end_orphans(folder)
        _remove(project, folder)
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
    original = common(project.root).parent
    return (original if (original / ".dvc").is_dir() else project.root) / ".dvc" / "cache"


def environ(project: Project, copy: Project) -> dict[str, str]:
    """Variables for a command in the copy: its own code, but the state (MLflow, releases) of the original."""
    return copy.environ({"MLGATE_STATE": str(project.state), MARK: str(copy.root)})


def _end_orphans(folder: Path) -> None:
    """End what still works there: whoever started it was killed alone, as we have the lock."""
    while left := [process for process, mark in marked(MARK) if mark == str(folder)]:  # one may have started another
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)


def _remove(project: Project, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for lock in (common(project.root) / "worktrees").glob(f"{folder.name}*/locked"):
        record = lock.with_name("gitdir")  # Git locks a worktree as it makes one, and keeps what it was killed at
        if not record.exists() or (lock.parent / record.read_text().strip()).resolve() == folder / ".git":
            lock.unlink(missing_ok=True)
    project.git("worktree", "prune")
