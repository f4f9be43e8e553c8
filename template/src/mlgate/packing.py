"""What goes into a Bento: the commit's code, the model with its card, the history and the rows of the smoke test."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from mlgate.errors import ConfigError
from mlgate.files import write_json
from mlgate.project import Project
from mlgate.release import ModelCard
from mlgate.split import split

GOLDEN_ROWS = 20
FILES = ("params.yaml", "pyproject.toml", "uv.lock")


def stage(project: Project, card: ModelCard, frame: pd.DataFrame, folder: Path) -> None:
    """Fill `folder` with the service's files; only what the commit holds, and the model that was judged."""
    for name in FILES:
        shutil.copyfile(project.root / name, folder / name)
    for name in filter(None, project.git("ls-files", "-z", "--", "src/model", "src/mlgate").split("\0")):
        target = folder / Path(name).relative_to("src")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.root / name, target)
    artifacts = folder / "artifacts"
    artifacts.mkdir()
    for name in (card.file, "model.json", "profile.json", "holdout.parquet"):
        shutil.copyfile(project.models / name, artifacts / name)
    _history(project, frame, artifacts / "history.sqlite")
    write_json(artifacts / "golden.json", {"rows": golden_rows(project, frame), "scores": []})


def _history(project: Project, frame: pd.DataFrame, path: Path) -> None:
    from model.features import HISTORY

    from mlgate.history import materialise

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
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows.to_dict("records")]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
