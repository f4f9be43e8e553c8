"""`mlgate promote`: what staging has proven goes to production, the same digest, with the name of who said so."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from mlgate.engine import ENGINES
from mlgate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from mlgate.ledger import Ledger
    from mlgate.packing.release import Release
    from mlgate.project import Project
    from mlgate.report import Check, Report


@click.command()
@click.option("--approved-by", metavar="NAME", help="Who decided; else MLGATE_APPROVED_BY, GITHUB_ACTOR or Git's user.")
@click.option("--engine", type=click.Choice(list(ENGINES)), help="What runs it; else MLGATE_ENGINE or deploy.engine.")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
@click.option("--waive-soak", metavar="REASON", help="Do not wait for deploy.soak, and why; the ledger keeps it.")
def command(approved_by: str | None, engine: str | None, remote: str | None, waive_soak: str | None) -> int:
    """Copy the staging release to production: nothing is rebuilt, and the ledger keeps who approved.

    Refused unless staging serves it in good health, has carried it for deploy.soak, and its live traffic, judged now,
    is healthy. MLflow's alias `champion` follows the ledger.

    \b
    Example:  uv run mlgate promote --approved-by "Ada Lovelace"
    """
    from mlgate.project import Project

    return run(Project.find(engine=engine, remote=remote), approved_by, waive_soak).exit_code


def run(project: Project, approved_by: str | None = None, waive_soak: str | None = None) -> Report:
    """Promote the release that the staging ledger names; `waive_soak` is why not to wait."""
    from mlgate.console import recording, working
    from mlgate.engine.rollout import mirrored, roll_out, told
    from mlgate.ledger import CARRIED, Ledger, run_url
    from mlgate.manifests import manifests_for

    with recording(project, "promote") as report:
        ledger = Ledger(project)
        source, before = ledger.head("staging"), ledger.head("production")
        release = _proven(project, ledger)
        report.subject.image_digest, report.subject.model_digest = release.image, release.model_digest
        report.subject.data_digest = release.data_digest
        by = _approver(project, approved_by)
        report.checks += _conditions(project, ledger, release, f"{waive_soak} ({by})" if waive_soak else "")
        if report.close().exit_code:
            return report
        manifests, rendered = manifests_for(project, "production", release, ledger.entries("production"))
        files = {**ledger.files("staging", CARRIED), **manifests}
        subject = f"promote(production): {release.model} {release.version}"
        trailers = {"Run": run_url(), "Approved-By": by, "Promoted-From": source, "Soak-Waived": waive_soak or ""}
        write = partial(ledger.write, "production", release, files, subject, trailers, expected_parent=before)
        commit = partial(write, guard=lambda _: ledger.require_head("staging", source))
        with working(f"starting {release.version} in production"):
            done = roll_out(project, "production", release, commit, report)
        if done:
            report.notes[:0] = filter(None, [f"{told('production', release, report)}, by {by}", rendered])
            report.notes.append(mirrored(project, release))
    return report


def _approver(project: Project, given: str | None) -> str:
    from mlgate.engine.rollout import person
    from mlgate.ledger import approver

    by = approver(given, person(project))
    if not by:
        raise ConfigError("a promotion needs the name of who approved it", "give it as --approved-by NAME")
    return by


def _conditions(project: Project, ledger: Ledger, release: Release, waived: str) -> list[Check]:
    """What staging has to show: time, a watch and, where no engine here told already, its health."""
    from datetime import UTC, datetime

    from mlgate.engine import engine_of
    from mlgate.ledger.promotion import soak_check, watch_check

    health = [] if engine_of(project).connected else [_health(project, release)]
    soak = soak_check(ledger.entries("staging"), project.params.deploy.soak, datetime.now(UTC), waived)
    return [*health, soak, watch_check(project, release, _watched(project, release))]


def _watched(project: Project, release: Release) -> tuple[str, str]:
    """What `mlgate monitor` would decide on staging's log now, and why; no word where there is nothing to judge."""
    from mlgate.console import working
    from mlgate.errors import TooEarlyError
    from mlgate.judging import live

    try:
        with working("watching staging's traffic"):
            view = live.view(project, "staging", release)
    except TooEarlyError as error:
        return "", str(error)
    if not any(window.rows for window in view.windows):
        return "", f"staging answered nothing with {release.version} from {view.since} to {view.until}"
    return view.decision.word, view.decision.reason


def _health(project: Project, release: Release) -> Check:
    """What staging answers now, where `deploy.urls` says at which address; else what the newest smoke test found."""
    from mlgate.engine.watched import address, answering
    from mlgate.ledger.promotion import smoke_check

    url = address(project, "staging")
    return answering("staging", release, url) if url else smoke_check(project, release)


def _proven(project: Project, ledger: Ledger) -> Release:
    """The release that staging's ledger names and, where the engine can tell, staging serves in good health."""
    from mlgate.engine import engine_of

    release = ledger.read("staging")
    if release is None:
        raise DataError("there is nothing in staging to promote", "run `mlgate deploy --env staging`")
    engine = engine_of(project)
    if not engine.connected:
        return release
    now = engine.running("staging")
    if now is None or not now.healthy:
        raise DataError("staging is not in good health", "see `mlgate status`; `mlgate serve --env staging` starts it")
    if now.image != release.image:
        message = f"staging serves {now.version}, and its ledger names {release.version}"
        raise DataError(message, "run `mlgate serve --env staging`, then promote")
    return release
