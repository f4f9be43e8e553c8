"""`ingest`: a new raw snapshot into `data/`, versioned by DVC, and what changed against the last one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mlgate.errors import ConfigError, DataError, InfraError, MlgateError

if TYPE_CHECKING:
    import pandas as pd

    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--until", metavar="DATE", help="Newest moment of the snapshot; later runs remember it.")
def command(until: str | None) -> int:
    """Take a new raw snapshot into data/ and version it. Nothing new leaves everything as it was.

    \b
    Example:  uv run mlgate ingest --until 2026-05-25
    """
    from mlgate.project import Project

    return run(Project.find(), parse_until(until)).exit_code


def parse_until(text: str | None) -> datetime | None:
    """`2026-05-25` or `2026-05-25T06:00` as a datetime without zone (UTC); ConfigError otherwise."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--until {text} is not a date", "write it as 2026-05-25 or 2026-05-25T06:00") from error
    if moment.tzinfo is not None:
        raise ConfigError(f"--until {text} has a time zone", "write it in UTC, without a zone")
    return moment


def run(project: Project, until: datetime | None = None) -> Report:
    """Take a snapshot and record it.

    Raises
    ------
    DataError
        If the source gives no rows or no table; the former snapshot stays.
    InfraError
        If the source, the disk or DVC fails; the former snapshot stays, or the new one is whole.
    """
    from mlgate.console import recording, working
    from mlgate.files import digest
    from mlgate.report import Check
    from mlgate.versions import store

    with recording(project, "ingest") as report:
        if not store.initialised(project):
            raise ConfigError("dvc.yaml or .dvc/config is missing", "restore them with `git checkout`")
        moment = until or _remembered(project)
        with working("taking a snapshot"):
            frame = _load(project, moment)
        report.notes += _keep(project, frame)
        report.subject.data_digest = digest(project.raw)
        _remember(project, moment, report.subject.data_digest, len(frame))
        if not store.recorded(project, "ingest", project.raw):
            with working("recording the data version"):
                store.record(project, "ingest")
        report.artifacts.append("data/raw.parquet")
        title, rows = "A whole snapshot is in data/", float(len(frame))
        report.checks.append(Check(id="snapshot", title=title, status="pass", observed=rows, unit="rows"))
    return report


def _keep(project: Project, frame: pd.DataFrame) -> list[str]:
    """Write the snapshot if it differs from the former one; what changed, in words."""
    from mlgate.files import write_atomic
    from mlgate.versions import snapshot

    try:
        old = snapshot.read(project.raw, project.params)
    except DataError:  # none yet, or one that can't be read: this is what `ingest` mends
        old = None
    content = snapshot.encode(frame)
    if old is not None and snapshot.same(old, frame):
        return ["nothing new"]
    told = snapshot.changes(old, frame, project.params)
    write_atomic(project.raw, content)
    return told


def _load(project: Project, until: datetime | None) -> pd.DataFrame:
    """The user's source; whatever it raises becomes one message."""
    import pandas as pd

    from model import data

    try:
        frame = data.load(project.params, until)
    except MlgateError:
        raise
    except OSError as error:
        raise InfraError(f"the source failed: {error}", "see model.data.load and params.yaml, data.source") from error
    except Exception as error:
        words = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise DataError(
            f"model.data.load failed: {words}", "fix src/model/data.py or params.yaml, data.source"
        ) from error
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        raise DataError("the source gave no rows; the former snapshot stays", "check params.yaml, data.source")
    return frame


def _source(project: Project) -> str:
    """Digest of `data.source`: an edit of it ends what `--until` told earlier runs to remember."""
    import hashlib
    import json

    text = json.dumps(project.params.data.source, sort_keys=True, default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _remembered(project: Project) -> datetime | None:
    import json

    path = project.root / "data" / "snapshot.json"
    if not path.is_file():
        return None
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        moment = datetime.fromisoformat(said["until"]) if said["until"] else None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not what `ingest` wrote", "restore it with `git checkout`") from error
    return moment if said.get("source") == _source(project) else None


def _remember(project: Project, until: datetime | None, digest: str, rows: int) -> None:
    from mlgate.files import write_json

    said = {"until": until.isoformat() if until else None, "digest": digest, "rows": rows, "source": _source(project)}
    path = project.root / "data" / "snapshot.json"
    write_json(path, said)
