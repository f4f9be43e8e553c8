"""Runs that a killed process left open in MLflow: known by a note that it left on this machine, closed by the next one.

A tracking server may be shared: only a run that carries the secret of a note is touched.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mlgate.engine.pids import birth
from mlgate.files import write_json
from mlgate.project import Project
from mlgate.training import tracking_server

TAG = "mlgate_note"  # of a run; its value is the note's name


class Note(BaseModel):
    """Who has a run open, and at which server."""

    server: str
    pid: int
    birth: str | None

    @property
    def alive(self) -> bool:
        return birth(self.pid) == self.birth


@contextmanager
def noted(project: Project) -> Iterator[str]:
    """The tag's value for a run about to be started; the note stays where the run did not end well."""
    name, me = secrets.token_hex(16), os.getpid()
    path = _folder(project) / f"{name}.json"
    write_json(path, Note(server=tracking_server.shown(project), pid=me, birth=birth(me)).model_dump())
    yield name
    path.unlink(missing_ok=True)


def close(project: Project, client: Any, experiment: str) -> None:
    """End each run that a process of this machine, now dead, left open here: FINISHED where its model is registered."""
    for path in sorted(_folder(project).glob("*.json")):
        note = _read(path)
        if note and (note.alive or note.server != tracking_server.shown(project)):
            continue
        open_here = f"tags.{TAG} = '{path.stem}' and attributes.status = 'RUNNING'"
        for run in client.search_runs([experiment], open_here):
            registered = client.search_model_versions(f"run_id = '{run.info.run_id}'")
            client.set_terminated(run.info.run_id, "FINISHED" if registered else "KILLED")
        path.unlink(missing_ok=True)


def _read(path: Path) -> Note | None:
    try:
        return Note.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _folder(project: Project) -> Path:
    return project.state / "mlflow-runs"
