"""`mlgate freeze`: nothing new comes to an environment until someone lifts it; a rollback still may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--env", "environment", required=True, type=click.Choice(["staging", "production"]), help="Which.")
@click.option("--reason", metavar="TEXT", help="Why; those who are refused will read it.")
@click.option("--lift", is_flag=True, help="End the freeze.")
@click.option("--approved-by", metavar="NAME", help="Who decided; else MLGATE_APPROVED_BY, GITHUB_ACTOR or Git's user.")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
def command(environment: str, reason: str | None, lift: bool, approved_by: str | None, remote: str | None) -> int:
    """Refuse deploys and promotions to an environment, by a commit on its branch, until the freeze is lifted.

    What runs goes on running, and a rollback is possible.

    \b
    Example:  uv run mlgate freeze --env production --reason "audit until Friday"
              uv run mlgate freeze --env production --lift
    """
    from mlgate.project import Project

    return run(Project.find(remote=remote), environment, reason, lift, approved_by).exit_code


def run(
    project: Project, environment: str, reason: str | None = None, lift: bool = False, approved_by: str | None = None
) -> Report:
    """Freeze `environment` for `reason`, or lift its freeze."""
    from mlgate.console import recording
    from mlgate.engine.rollout import person
    from mlgate.ledger import FREEZE, Ledger, approver, run_url
    from mlgate.ledger.freeze import note

    if lift == bool((reason or "").strip()):
        raise ConfigError("give a reason to freeze, or --lift to end it", '`--reason "audit until Friday"`')
    with recording(project, "freeze") as report:
        ledger, by = Ledger(project), approver(approved_by, person(project))
        if not ledger.head(environment):
            raise DataError(f"nothing was ever deployed to {environment}", "there is nothing to freeze yet")
        files = {FREEZE: None if lift else note((reason or "").strip(), by)}
        subject = f"freeze({environment}): {'lifted' if lift else reason}"
        about = {"Freeze": "lifted" if lift else reason or "", "Run": run_url(), "Approved-By": by}
        written = ledger.mark(environment, files, subject, about)
        state = "takes releases" if lift else f"is frozen: {reason}"
        report.notes.append(f"{environment} {state}" + ("" if written.made else ", as it did before"))
    return report
