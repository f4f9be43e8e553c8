"""`mlgate serve`: run what an environment's ledger names; stop it, start it again, read its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.engine import ENGINES
from mlgate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from mlgate.engine import Running
    from mlgate.project import Project
    from mlgate.report import Check, Report

LINES = 40


@click.command()
@click.option("--env", "environment", required=True, type=click.Choice(["staging", "production"]), help="Which.")
@click.option("--stop", is_flag=True, help="Stop it.")
@click.option("--restart", is_flag=True, help="Replace the running copy by a new one, without a gap.")
@click.option("--logs", is_flag=True, help="Show the last lines of its logs.")
@click.option("-n", "--lines", default=LINES, show_default=True, type=click.IntRange(1), help="How many, with --logs.")
@click.option("--engine", type=click.Choice(list(ENGINES)), help="What runs it; else MLGATE_ENGINE or deploy.engine.")
def command(environment: str, stop: bool, restart: bool, logs: bool, lines: int, engine: str | None) -> int:
    """Run what an environment's ledger names, for example after a reboot; nothing to do where it runs already.

    \b
    Example:  uv run mlgate serve --env production
              uv run mlgate serve --env production --stop
    """
    from mlgate.project import Project

    return run(Project.find(engine=engine), environment, stop, restart, logs, lines).exit_code


def run(
    project: Project,
    environment: str,
    stop: bool = False,
    restart: bool = False,
    logs: bool = False,
    lines: int = LINES,
) -> Report:
    """Start, stop or show `environment`; one of the three flags at most."""
    from mlgate.console import recording
    from mlgate.engine import engine_of

    if stop + restart + logs > 1:
        raise ConfigError("--stop, --restart and --logs exclude one another", "give one of them")
    with recording(project, "serve") as report:
        if stop:
            _stop(project, environment, report)
        elif logs:
            report.notes += engine_of(project).logs(environment, lines)
        else:
            _start(project, environment, restart, report)
    return report


def _stop(project: Project, environment: str, report: Report) -> None:
    """Stop what the engine of this call runs; what another one runs is said, with the command that stops it."""
    from mlgate.console import working
    from mlgate.engine import elsewhere, engine_of

    engine = engine_of(project)
    with working(f"stopping {environment}"):
        if engine.connected and engine.stop(environment):
            report.notes.append(f"{environment} is stopped")
            return
        there = elsewhere(project, environment)
    report.checks += [_left(environment, name, now) for name, now in there.items()]
    if not there:
        engine.stop(environment)  # where nothing is connected, it says what to connect
        report.notes.append(f"{environment} was not running")


def _left(environment: str, engine: str, now: Running) -> Check:
    from mlgate.report import Check

    what = now.version or "what does not answer"
    return Check(
        id="stopped", title=f"{environment} is stopped", status="fail",
        evidence=f"the engine {engine} runs {what} at {now.url}, {now.where}",
        mend=f"run `mlgate serve --env {environment} --stop --engine {engine}`",
    )  # fmt: skip


def _start(project: Project, environment: str, restart: bool, report: Report) -> None:
    from mlgate.console import working
    from mlgate.engine import engine_of
    from mlgate.engine.rollout import told
    from mlgate.ledger import Ledger

    release = Ledger(project).read(environment)
    if release is None:
        first = "mlgate deploy --env staging" if environment == "staging" else "mlgate promote"
        raise DataError(f"the ledger names nothing for {environment}", f"run `{first}`")
    report.subject.image_digest = release.image
    with working(f"starting {release.version} in {environment}"):
        engine = engine_of(project)
        report.checks += engine.release(environment, release) if restart else engine.resume(environment, release)
    if report.close().exit_code == 0:
        report.notes.append(told(environment, release, report))
