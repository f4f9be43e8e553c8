"""`mlgate serve`: run what an environment's ledger names; stop it, start it again, read its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Report

LINES = 40


@click.command()
@click.option("--env", "environment", required=True, type=click.Choice(["staging", "production"]), help="Which.")
@click.option("--stop", is_flag=True, help="Stop it.")
@click.option("--restart", is_flag=True, help="Replace the running copy by a new one, without a gap.")
@click.option("--logs", is_flag=True, help="Show the last lines of its logs.")
def command(environment: str, stop: bool, restart: bool, logs: bool) -> int:
    """Run what an environment's ledger names, for example after a reboot; nothing to do where it runs already.

    \b
    Example:  uv run mlgate serve --env production
              uv run mlgate serve --env production --stop
    """
    from mlgate.project import Project

    return run(Project.find(), environment, stop, restart, logs).exit_code


def run(project: Project, environment: str, stop: bool = False, restart: bool = False, logs: bool = False) -> Report:
    """Start, stop or show `environment`; one of the three flags at most."""
    from mlgate import engine
    from mlgate.console import recording, working

    if stop + restart + logs > 1:
        raise ConfigError("--stop, --restart and --logs exclude one another", "give one of them")
    with recording(project, "serve") as report:
        if stop:
            with working(f"stopping {environment}"):
                stopped = engine.stop(project, environment)
            report.notes.append(f"{environment} is stopped" if stopped else f"{environment} was not running")
        elif logs:
            report.notes += _logs(project, environment)
        else:
            _start(project, environment, restart, report)
    return report


def _start(project: Project, environment: str, restart: bool, report: Report) -> None:
    from mlgate.console import working
    from mlgate.engine.rollout import bundle_of, start
    from mlgate.ledger import Ledger

    release = Ledger(project).read(environment)
    if release is None:
        first = "mlgate deploy --env staging" if environment == "staging" else "mlgate promote"
        raise DataError(f"the ledger names nothing for {environment}", f"run `{first}`")
    bundle = bundle_of(project, release)
    report.subject.image_digest = release.image
    with working(f"starting {release.version} in {environment}"):
        report.checks += start(project, environment, release, bundle, again=restart)
    if report.close().status == "pass":
        report.notes.append(f"{environment} serves {release.version}: {report.checks[0].evidence}")


def _logs(project: Project, environment: str) -> list[str]:
    folder = project.environment_state(environment) / "logs"
    copies = sorted(folder.glob("*-*.log"), key=lambda path: path.stat().st_mtime)[-1:]
    lines: list[str] = []
    for path in [folder / "proxy.log", *copies]:
        if path.exists():
            words = path.read_bytes()[-100_000:].decode("utf-8", "replace").splitlines()[-LINES:]
            lines += [f"{path}:", *(f"  {line}" for line in words)]
    return lines or [f"{environment} never ran on this machine"]
