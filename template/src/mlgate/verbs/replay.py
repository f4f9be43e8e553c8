"""`mlgate replay`: send an environment the traffic that comes next, and see how the live model does on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgate.errors import ConfigError, InfraError

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.replay.traffic import Position, Traffic
    from mlgate.report import Report


@click.command()
@click.option("--env", "environment", required=True, type=click.Choice(["staging", "production"]), help="Where to.")
@click.option("--days", type=click.IntRange(1, 3650), help="How many days of traffic; 1 by default.")
@click.option("--file", "path", type=click.Path(path_type=Path), help="Rows to send instead (Parquet or CSV).")
@click.option("--drift", "drifts", multiple=True, metavar="KIND:STRENGTH", help="Change generated traffic; repeatable.")
@click.option("--rows", "limit", type=click.IntRange(1), help="At most so many rows.")
@click.option("--labels", type=click.Path(path_type=Path), help="Also write the labels of the rows to this CSV file.")
def command(
    environment: str, days: int | None, path: Path | None, drifts: tuple[str, ...], limit: int | None,
    labels: Path | None,
) -> int:  # fmt: skip
    """Send recorded or generated rows to an environment, in order of time.

    Starts where the data version or the last replay ended, so that event time goes on. Rows come from
    `model.data.traffic` if there is one, else from the source's newer rows, else from the holdout.

    \b
    Example:  uv run mlgate replay --env production --days 3 --drift price_inflation:0.4
    """
    from mlgate.project import Project

    return run(Project.find(), environment, days, path, drifts, limit, labels).exit_code


def run(
    project: Project,
    environment: str,
    days: int | None = None,
    path: Path | None = None,
    drifts: tuple[str, ...] = (),
    limit: int | None = None,
    labels: Path | None = None,
) -> Report:
    """Send the next traffic to `environment` and report rows, errors, speed and the live metric."""
    from mlgate.console import recording, working
    from mlgate.engine import engine_of
    from mlgate.replay import traffic

    if path and (days or drifts):
        raise ConfigError("--file sends what is in the file: --days and --drift have no say", "give one or the other")
    drift = [traffic.parse_drift(text) for text in drifts]
    with recording(project, "replay") as report:
        now = engine_of(project).running(environment)
        if now is None:
            raise InfraError(f"{environment} does not run on this machine", f"run `mlgate serve --env {environment}`")
        position = traffic.Position.of(project, environment)
        with working("collecting the rows"):
            params = project.params
            found = (
                traffic.from_file(path, params) if path else traffic.next_traffic(project, position, days or 1, drift)
            )
        if limit is not None and limit < len(found.rows):
            found = _first(found, limit, project)
        _send(project, environment, now.url, found, None if path else position, report)
        if labels:
            _write_labels(project, found, labels)
            report.notes.append(f"labels: {labels}")
    return report


def _first(found: Traffic, limit: int, project: Project) -> Traffic:
    from mlgate.replay.traffic import Traffic

    rows, time = found.rows.iloc[:limit], project.params.data.time
    return Traffic(rows, found.source, rows[time].max().to_pydatetime() if time else None)


def _send(
    project: Project, environment: str, url: str, found: Traffic, position: Position | None, report: Report
) -> None:
    from mlgate.console import progress
    from mlgate.replay.run import live_metric, send
    from mlgate.report import Check

    with progress("replaying", len(found.rows)) as advance:
        sent = send(project, url, found, position, advance)
    said = f"{sent.refused} refused, {sent.rows / max(sent.seconds, 1e-9):,.0f} rows/s"
    good = sent.refused == 0
    report.checks.append(
        Check(
            id="answers", title="Every row is answered", status="pass" if good else "fail", observed=float(sent.rows),
            unit="rows", evidence=said + sent.problem, mend="" if good else "compare the rows with model.schema.Inputs",
        )
    )  # fmt: skip
    live = live_metric(project, found, sent, _labels(project, environment))
    report.checks.append(live)
    metric = f"; {live.title} {live.observed:.3f}" if live.observed is not None else ""
    if live.observed is not None:
        metric += " [{:.3f}, {:.3f}]".format(*live.interval) if live.interval else ", too few cases for an interval"
    report.notes.insert(0, f"{sent.rows:,} rows to {environment} ({found.source}): {said}{metric}")


def _labels(project: Project, environment: str) -> list[Any]:
    """The classes of the model that serves, in the order of its scores."""
    from mlgate.ledger import Ledger
    from mlgate.packing.release import ModelCard

    content = Ledger(project).file(environment, "model.json")
    return list(ModelCard.model_validate_json(content).classes) if content else []


def _write_labels(project: Project, found: Traffic, path: Path) -> None:
    data = project.params.data
    keys = (data.id, data.cluster, data.time, data.target, data.label_time)
    names = [name for name in dict.fromkeys(keys) if name and name in found.rows]
    try:
        found.rows[names].to_csv(path, index=False)
    except OSError as error:
        raise InfraError(f"cannot write {path}: {error.strerror}", "give another path") from error
