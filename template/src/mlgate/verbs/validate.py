"""`validate`: contract and data quality of the snapshot, and the cut between training and holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--against", metavar="REF", help="Also compare data and thresholds with those of this commit.")
@click.option(
    "--thresholds-approved",
    is_flag=True,
    envvar="MLGATE_THRESHOLDS_APPROVED",
    help="Whoever owns the thresholds agreed to looser ones.",
)
def command(against: str | None, thresholds_approved: bool) -> int:
    """Check contracts and data quality of data/raw.parquet, and fix which rows judge the model.

    With --against it also says what the data version changes, and is red where params.yaml loosens a threshold.

    \b
    Example:  uv run mlgate validate
              uv run mlgate validate --against origin/main
    """
    from mlgate.project import Project

    return run(Project.find(), against, thresholds_approved).exit_code


def run(project: Project, against: str | None = None, approved: bool = False) -> Report:
    """Judge the snapshot; `data/split.json` is written only where every check of the data is green.

    Raises
    ------
    DataError
        If the snapshot is missing, not Parquet, or over the limits.
    ConfigError
        If params.yaml and src/model/schema.py name different columns, or there is no commit `against`.
    """
    from mlgate.console import recording, working
    from mlgate.files import digest
    from mlgate.judging import against as review
    from mlgate.quality import Context, judge
    from mlgate.table import roles
    from mlgate.versions import snapshot, store
    from model import features, schema

    with recording(project, "validate") as report:
        params = project.params
        base = review.commit_of(project, against) if against else ""
        roles.agree(roles.columns(schema.Inputs), roles.columns(schema.Labelled), params)
        with working("checking the data"):
            frame = snapshot.read(project.raw, params)
            report.subject.data_digest = digest(project.raw)
            report.checks += judge(frame, Context(params, schema.Labelled, features.features, project.raw))
        if report.close().status == "pass":
            _cut(project, frame, report)
            with working("recording the split's version"):
                store.record(project, "validate")
        if base:
            with working(f"comparing with {against}"):
                change, told = review.data_change(project, base, frame)
                report.checks += [review.thresholds(project, base, approved), change]
                report.notes += told
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
