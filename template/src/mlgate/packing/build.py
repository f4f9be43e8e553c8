"""What goes into a Bento: the commit's code, the model with its card, the history and the rows of the smoke test."""

from __future__ import annotations

import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from mlgate.errors import ConfigError, InfraError, MlgateError
from mlgate.files import write_atomic, write_json
from mlgate.folder import replacement
from mlgate.packing import bento
from mlgate.packing.agreement import as_json
from mlgate.packing.agreement import write as write_agreement
from mlgate.packing.release import RECORD, ModelCard, Release, check_release, image_digest, version_of
from mlgate.project import Project
from mlgate.table.split import split
from mlgate.training import tracking
from mlgate.training.modelfile import load
from mlgate.versions import snapshot

GOLDEN_ROWS = 20
FILES = ("params.yaml", "pyproject.toml", "uv.lock")


def copy_code(project: Project, folder: Path) -> None:
    """Fill `folder` with the code, parameters and lock that a release runs; only files that Git knows."""
    for name in FILES:
        shutil.copyfile(project.root / name, folder / name)
    for name in filter(None, project.git("ls-files", "-z", "--", "src/model", "src/mlgate").split("\0")):
        target = folder / Path(name).relative_to("src")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.root / name, target)


def _artifacts(project: Project, card: ModelCard, frame: pd.DataFrame, artifacts: Path) -> None:
    """Fill a new folder with the service's own files: the model that was judged, and what is known of it."""
    artifacts.mkdir()
    for name in (card.file, "model.json", "profile.json", "holdout.parquet"):
        shutil.copyfile(project.models / name, artifacts / name)
    write_json(artifacts / "contract.json", _contract())
    model = load(project.models / card.file, card.digest)
    write_agreement(artifacts / "fast.json", project.params, card, model, frame)
    _history(project, frame, artifacts / "history.sqlite")
    write_json(artifacts / "golden.json", {"rows": golden_rows(project, frame), "scores": []})


def _contract() -> dict[str, str]:
    """The columns that a request has, each with its type; by it two releases can be compared without their code."""
    from model.schema import Inputs

    columns = Inputs.to_schema().columns
    return {str(name): f"{column.dtype}{'?' if column.nullable else ''}" for name, column in columns.items()}


def _history(project: Project, frame: pd.DataFrame, path: Path) -> None:
    from mlgate.serving.history import materialise
    from model.features import HISTORY

    if HISTORY is None:
        return
    if project.params.data.id is None:
        raise ConfigError("features look back, and data.id is null", "name the identifier in params.yaml")
    materialise(path, frame, HISTORY, project.params.data.id)


def golden_rows(project: Project, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The newest rows of the holdout as a request has them: columns of `Inputs`, plain JSON values."""
    from model.schema import Inputs

    params = project.params
    rows = frame[split(frame, params).holdout]
    rows = rows.sort_values(params.data.time, kind="stable") if params.data.time else rows
    rows = rows.tail(GOLDEN_ROWS)[list(Inputs.to_schema().columns)]
    return [{str(name): as_json(value) for name, value in row.items()} for row in rows.to_dict("records")]


def built(project: Project, card: ModelCard) -> Release | None:
    """The whole, unchanged release of this commit and model, if there is one."""
    for folder in sorted((project.state / "releases").glob("[0-9a-f]*")):
        try:
            release = check_release(folder)
        except MlgateError:
            continue
        same = (release.source_commit, release.model_digest) == (project.commit, card.digest)
        if same and release.hex == folder.name:
            return release
    return None


def sweep(project: Project) -> None:
    """Clear what a killed run left."""
    for leftover in [*project.state.glob(".package.*"), *(project.state / "releases").glob(".*")]:
        shutil.rmtree(leftover, ignore_errors=True)


def build(project: Project, card: ModelCard) -> Release:
    """Build, and put the whole release in its place; InfraError leaves none."""
    project.state.mkdir(parents=True, exist_ok=True)
    metrics = _metrics(project)
    with tempfile.TemporaryDirectory(dir=project.state, prefix=".package.") as work:
        files, result = Path(work) / "stage", Path(work) / "bento"
        files.mkdir()
        copy_code(project, files)
        with bento.builder(project, files, result) as finish, ThreadPoolExecutor(1) as beside:
            version = beside.submit(_model_version, project, card)
            _artifacts(project, card, snapshot.read(project.raw, project.params), files / "artifacts")
            finish(_spec(project, card, metrics))
        release = _release(project, card, metrics, result, version.result())
        with replacement(project.state / "releases" / release.hex) as folder:
            folder.rmdir()
            result.rename(folder)
    return release


def _spec(project: Project, card: ModelCard, metrics: dict[str, Any]) -> dict[str, Any]:
    labels = {
        "data_digest": card.data_digest,
        "source_commit": project.commit,
        "model_digest": card.digest,
        "holdout_digest": card.holdout_digest,
        "metrics": json.dumps(metrics, sort_keys=True),
    }
    created = project.git("show", "-s", "--format=%cI", "HEAD")
    description = f"# {project.params.project.name}\n\n{project.params.project.description}\n"
    return {"version": version_of(card.digest), "labels": labels, "created": created, "description": description}


def _metrics(project: Project) -> dict[str, Any]:
    path = project.reports / "metrics.json"
    said = json.loads(path.read_bytes()) if path.is_file() else {}
    wanted = ("value", "low", "high")
    return {
        name: {key: entry.get(key) for key in wanted}
        for name, entry in said.items()
        if isinstance(entry, dict) and entry.get("value") is not None
    }


def _model_version(project: Project, card: ModelCard) -> str:
    """The registered version, or empty: a release can be built where MLflow isn't, as the digest names the model."""
    try:
        return tracking.version_of(project, card.digest)
    except InfraError:
        return ""


def _release(project: Project, card: ModelCard, metrics: dict[str, Any], folder: Path, version: str) -> Release:
    """The record, written beside the Bento's files."""
    release = Release(
        model=card.model,
        version=version_of(card.digest),
        image=image_digest(folder),
        source_commit=project.commit,
        data_digest=card.data_digest,
        model_digest=card.digest,
        model_version=version,
        metrics=metrics,
        holdout_digest=card.holdout_digest,
        holdout_rows=card.holdout_rows,
        trained_until=card.trained_until,
        built=datetime.now(UTC).replace(microsecond=0),
    )
    write_atomic(folder / RECORD, release.model_dump_json(indent=2).encode() + b"\n")
    return release
