"""`mlgate monitor`: look for drift, decay and silence in live traffic, decide, and show the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.errors import ConfigError, DataError, InfraError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import pandas as pd

    from mlgate.drift.profile import Profile
    from mlgate.drift.view import View
    from mlgate.packing.release import Release
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--env", "environment", default="production", show_default=True, help="Whose traffic to look at.")
@click.option("--as-of", metavar="TIME", help="Judge the windows up to this time (ISO 8601, UTC), not up to now.")
@click.option("--labels", metavar="FILE", help="Labels that came later: data.id and data.target; else monitor.labels.")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
def command(environment: str, as_of: str | None, labels: str | None, remote: str | None) -> int:
    """Look for drift and decay in live traffic and decide: healthy, watch, investigate or retrain.

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

    with recording(project, "monitor") as report:
        monitor = project.params.monitor
        release = _release(project, environment)
        report.subject.image_digest, report.subject.model_digest = release.image, release.model_digest
        report.subject.data_digest = release.data_digest
        profile = _profile(project, environment, release)
        with working("reading predictions and judging windows"):
            view = _view(project, environment, release, profile, as_of)
            view = _decay(project, release, view, labels, as_of)
        report.checks += checks(view, monitor)
        report.notes.append(f"{view.decision.word}: {view.decision.reason}")
        if monitor.window.total_seconds() != profile.window:
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


def _profile(project: Project, environment: str, release: Release) -> Profile:
    """The reference that travels with the release: in the ledger, or, where an older one lacks it, on this machine."""
    from mlgate.drift.profile import Profile
    from mlgate.ledger import Ledger

    kept = Ledger(project).file(environment, "profile.json")
    if kept is not None:
        return Profile.from_json(kept)
    path = project.state / "releases" / release.hex / "src" / "artifacts" / "profile.json"
    if not path.is_file():
        raise InfraError(
            f"the ledger keeps no profile.json, and release {release.version} is not on this machine",
            f"check out {release.source_commit[:12]} and run `mlgate package`, or monitor where it was built",
        )
    return Profile.from_json(path.read_bytes())


def _view(project: Project, env: str, release: Release, profile: Profile, as_of: datetime | None) -> View:
    """What the log shows, read part by part: its windows are kept as counts, whatever its length."""
    from mlgate.drift.look import look
    from mlgate.drift.traffic import Traffic

    monitor = project.params.monitor
    traffic = Traffic(profile, release.version, monitor, as_of)
    since = traffic.since if monitor.clock == "wall" else None  # an event may be older than the day it was answered on
    for head, values in _log(project, env, since):
        traffic.add(head, values)
    if traffic.newest is None:
        raise DataError(f"{env} has answered no prediction yet", f"send it traffic: `mlgate replay --env {env}`")
    return look(env, traffic)


def _log(project: Project, env: str, since: datetime | None = None) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    from mlgate.serving.prediction_read import parts
    from mlgate.serving.prediction_source import files, here

    source = project.params.monitor.source
    folder = project.environment_state(env) / "predictions"
    return parts(files(source, env, since) if source else here(folder, since))


def _decay(project: Project, release: Release, view: View, labels: str | None, as_of: datetime | None) -> View:
    """The view with what labels say, where there are any."""
    from dataclasses import replace

    from mlgate.drift.decision import decayed
    from mlgate.judging import late_labels
    from mlgate.ledger import Ledger
    from mlgate.packing.release import ModelCard

    path = labels or (project.params.monitor.labels or "").replace("{environment}", view.environment)
    if not path:
        return view
    content = Ledger(project).file(view.environment, "model.json")
    if content is None:
        raise InfraError("the ledger keeps no model.json for this release", "deploy it again, then monitor")
    card = ModelCard.model_validate_json(content)
    answers = late_labels.answers(_log(project, view.environment), release.version, as_of)
    found = late_labels.decay(project, release, card, answers, path)
    decision = decayed(view.decision, found.reason) if found.alarm else view.decision
    return replace(view, decay=found, decision=decision)
