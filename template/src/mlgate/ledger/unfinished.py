"""A rollback that was killed after its commit: to run it again is to finish it, where it would else undo itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mlgate.files import write_atomic
from mlgate.ledger.entry import Entry
from mlgate.ledger.message import run_url
from mlgate.ledger.plumbing import common
from mlgate.project import Project

LEFT = "Rolls-Back"  # the trailer that names the commit which a rollback leaves


@contextmanager
def under_way(project: Project, env: str, left: str) -> Iterator[None]:
    """Remember, as long as this goes on and however it is killed, that `env` is rolled back from the commit `left`."""
    path = _path(project, env)
    write_atomic(path, left.encode())
    yield
    path.unlink(missing_ok=True)


def unfinished(project: Project, env: str, entries: Sequence[Entry]) -> Entry | None:
    """The rollback that stands in `env` and did not come to its end here, or was made by this very run of a workflow.

    A workflow's run may be repeated on another machine, which has nothing but the ledger.
    """
    newest = next((entry for entry in entries if not entry.stands), None)
    if newest is None or newest.release is None or LEFT not in newest.trailers:
        return None
    path, run = _path(project, env), run_url()
    here = path.is_file() and path.read_text("utf-8", "replace") == newest.trailers[LEFT]
    return newest if here or newest.trailers.get("Run") == run != "local" else None


def _path(project: Project, env: str) -> Path:
    return common(project.root) / f"mlgate-rollback-{env}"
