"""`mlgate monitor`: look for drift, decay and silence in live traffic, decide, and show the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from mlgate.packing.release import Release
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--env", "environment", default="production", show_default=True, help="Whose traffic to look at.")
@click.option("--as-of", metavar="TIME", help="Judge the windows up to this time (ISO 8601, UTC), not up to now.")
@click.option("--labels", metavar="FILE", help="Labels that came later: data.id and data.target; else monitor.labels.")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
def command(environment: str, as_of: str | None, labels: str | None, remote: str | None) -> int:
    """Look for drift and decay in live traffic and decide: healthy, watch, investigate, retrain or rollback.

    Compares the prediction log with the profile that travels with the release and, where labels have come, the live
    metric with the holdout's. Exit 1 where something is to be done.

    \b
    Example:  uv run mlgate monitor --env production
    """
    from mlgate.project import Project

    return run(Project.find(remote=remote), environment, _moment(as_of) if as_of else None, labels).exit_code


def run(
    project: Project, environment: str = "production", as_of: datetime | None = None, labels: str | None = None
) -> Report:
    """Judge the last windows of an environment; reports/monitor.{json,md,html} show what was found.

    Raises
    ------
    ConfigError
        If nothing is released to the environment, or labels can't be joined.
    DataError
        If it has no predictions, or no complete window of them.
    InfraError
        If the release's files are not on this machine.
    """
    from mlgate.console import recording, working
    from mlgate.drift.page import html_page, markdown
    from mlgate.drift.verdicts import checks
    from mlgate.files import write_atomic
    from mlgate.judging import live

    with recording(project, "monitor") as report:
        monitor = project.params.monitor
        release = _release(project, environment)
        report.subject.image_digest, report.subject.model_digest = release.image, release.model_digest
        report.subject.data_digest = release.data_digest
        with working("reading predictions and judging windows"):
            view = live.view(project, environment, release, as_of, labels)
        report.checks += checks(view, monitor)
        report.notes.append(f"{view.decision.word}: {view.decision.reason}")
        if monitor.window.total_seconds() != view.profile.window:
            report.notes.append("monitor.window changed since the model was trained; the release's own window holds")
        for suffix, content in (("html", html_page(view, monitor.n)), ("md", markdown(view, monitor.n))):
            write_atomic(project.reports / f"monitor.{suffix}", content.encode())
            report.artifacts.append(f"reports/monitor.{suffix}")
        report.notes.append("the evidence, with plots: reports/monitor.html")
    return report


def _moment(text: str) -> datetime:
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"--as-of {text[:60]!r} is not a time", "write it as 2026-05-04 or 2026-05-04T12:00"
        ) from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _release(project: Project, environment: str) -> Release:
    from mlgate.ledger import Ledger

    release = Ledger(project).read(environment)
    if release is None:
        mend = "run `mlgate deploy --env staging`" + (", then `mlgate promote`" if environment == "production" else "")
        raise ConfigError(f"nothing is released to {environment}, so there is nothing to watch", mend)
    return release
