"""`mlgate history`: the releases of an environment, as its ledger tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlgate.ledger import Entry
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--env", "environment", required=True, type=click.Choice(["staging", "production"]), help="Which.")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
@click.option("--accept-rewritten", is_flag=True, help="Take a branch that lost commits as it stands from now on.")
def command(environment: str, remote: str | None, accept_rewritten: bool) -> int:
    """Show the releases of an environment, newest first: commit, when, what, how it measured, by whose word.

    \b
    Example:  uv run mlgate history --env production
    """
    from mlgate.project import Project

    return run(Project.find(remote=remote), environment, accept_rewritten).exit_code


def run(project: Project, environment: str, accept_rewritten: bool = False) -> Report:
    """Read the ledger of `environment`; one note an entry."""
    from mlgate.console import recording
    from mlgate.ledger import Ledger

    with recording(project, "history") as report:
        if accept_rewritten:
            gone = Ledger(project).accept(environment)
            report.notes += [f"given up: {line}" for line in gone] or ["no commit is missing: nothing to accept"]
        entries = Ledger(project).entries(environment)
        report.notes += [_line(entry) for entry in entries] or [f"nothing was ever deployed to {environment}"]
    return report


def _line(entry: Entry) -> str:
    about = [entry.commit[:12], entry.when, entry.subject]
    about += [entry.trailers[key] for key in ("Metrics", "Reason") if key in entry.trailers]
    if approver := entry.trailers.get("Approved-By"):
        about.append(f"by {approver}")
    return "  ".join([*about, *filter(None, [entry.problem])])
