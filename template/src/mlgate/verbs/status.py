"""`mlgate status`: what each environment should run, by its ledger, and what does run on this machine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from mlgate.engine import ENGINES
from mlgate.errors import MlgateError

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Check, Report


@click.command()
@click.option("--engine", type=click.Choice(list(ENGINES)), help="What runs it; else MLGATE_ENGINE or deploy.engine.")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
def command(engine: str | None, remote: str | None) -> int:
    """Show what each environment should run and does run; exit code 1 where the two differ.

    Lists the images that the ledgers name, which a registry must not delete; `mlgate doctor` asks it for each.

    \b
    Example:  uv run mlgate status
    """
    from mlgate.project import Project

    return run(Project.find(engine=engine, remote=remote)).exit_code


def run(project: Project) -> Report:
    """Compare ledger and engine, one check an environment."""
    from mlgate.console import recording
    from mlgate.ledger import ENVIRONMENTS
    from mlgate.provenance.retained import retained, told

    with recording(project, "status") as report:
        report.checks += [_check(project, environment) for environment in ENVIRONMENTS]
        report.checks += [check for environment in ENVIRONMENTS if (check := _manifests(project, environment))]
        with contextlib.suppress(MlgateError):  # of a ledger that can't be read a check has said so
            report.notes += told(retained(project))
    return report


def _check(project: Project, environment: str) -> Check:
    from mlgate.engine import engine_of
    from mlgate.ledger import Ledger
    from mlgate.report import Check

    title, mend = f"{environment} runs what its ledger names", f"run `mlgate serve --env {environment}`"
    engine = engine_of(project)
    now = engine.running(environment)
    runs = _runs(now) if engine.connected else "skip: no cluster connected"
    try:
        entries = Ledger(project).entries(environment)
    except MlgateError as error:
        return Check(id=environment, title=title, status="error", evidence=f"{error}; {runs}", mend=error.mend)
    if entries and entries[0].problem:
        mend = f"`mlgate rollback --env {environment}` restores the former one"
        return Check(id=environment, title=title, status="error", evidence=f"{entries[0].problem}; {runs}", mend=mend)
    wanted = entries[0].release if entries else None
    if wanted is None:
        status, mend = ("fail", f"run `mlgate serve --env {environment} --stop`") if now else ("skip", "")
        return Check.model_validate(
            {"id": environment, "title": title, "status": status, "evidence": f"nothing deployed; {runs}", "mend": mend}
        )
    evidence = f"ledger: {wanted.version} since {entries[0].when}; {runs}"
    if not engine.connected:
        return Check(id=environment, title=title, status="skip", evidence=evidence)
    good = now is not None and now.healthy and now.image == wanted.image
    return Check(
        id=environment, title=title, status="pass" if good else "fail", evidence=evidence, mend="" if good else mend
    )


def _manifests(project: Project, environment: str) -> Check | None:
    """Whether the manifests in the ledger are what the release's commit gives; None where there are none."""
    from mlgate.ledger import Ledger
    from mlgate.manifests import MANIFESTS, compare

    ledger = Ledger(project)
    try:
        committed, entries = ledger.file(environment, MANIFESTS), ledger.entries(environment)
    except MlgateError:  # a ledger that can't be read is said above
        return None
    return compare(project, environment, entries, committed) if committed is not None else None


def _runs(now: object) -> str:
    """What runs, in words."""
    from datetime import UTC, datetime

    from mlgate.engine import Running

    if not isinstance(now, Running):
        return "not running"
    if not now.version:
        return f"nothing answers at {now.url} (proxy pid {now.pid}): {now.problem or 'starting'}"
    since = datetime.fromtimestamp(now.since, UTC).isoformat(timespec="seconds")
    health = "healthy" if now.healthy else "not ready"
    again = f", restarted {now.restarts} times" if now.restarts else ""
    return f"runs {now.version} at {now.url}, {now.where}, {health}, since {since}{again}"
