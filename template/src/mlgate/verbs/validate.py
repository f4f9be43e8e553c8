"""`validate`: contract and data quality of the snapshot, and the cut between training and holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
def command() -> int:
    """Check contracts and data quality of data/raw.parquet, and fix which rows judge the model.

    \b
    Example:  uv run mlgate validate
    """
    from mlgate.project import Project

    return run(Project.find()).exit_code


def run(project: Project) -> Report:
    """Judge the snapshot; `data/split.json` is written only where every check is green.

    Raises
    ------
    DataError
        If the snapshot is missing, not Parquet, or over the limits.
    ConfigError
        If params.yaml and src/model/schema.py name different columns.
    """
    from mlgate.console import recording, working
    from mlgate.files import digest
    from mlgate.quality import Context, judge
    from mlgate.table import roles
    from mlgate.versions import snapshot, store
    from model import features, schema

    with recording(project, "validate") as report:
        params = project.params
        roles.agree(roles.columns(schema.Inputs), roles.columns(schema.Labelled), params)
        with working("checking the data"):
            frame = snapshot.read(project.raw, params)
            report.subject.data_digest = digest(project.raw)
            report.checks += judge(frame, Context(params, schema.Labelled, features.features, project.raw))
        if report.close().status == "pass":
            _cut(project, frame, report)
            with working("recording the split's version"):
                store.record(project, "validate")
    return report


def _cut(project: Project, frame: pd.DataFrame, report: Report) -> None:
    from mlgate.files import write_json
    from mlgate.table.split import split

    parts = split(frame, project.params)
    said = {
        "cut": parts.cut.isoformat() if parts.cut else None,
        "trained_until": parts.trained_until.isoformat() if parts.trained_until else None,
        "holdout_digest": parts.holdout_digest,
        "train_digest": parts.train_digest,
        "train_rows": int(parts.train.sum()),
        "holdout_rows": int(parts.holdout.sum()),
        "data_digest": report.subject.data_digest,
    }
    write_json(project.root / "data" / "split.json", said)
    report.artifacts.append("data/split.json")
    report.notes.append(f"{said['train_rows']:,} rows to train on, {said['holdout_rows']:,} to judge")
