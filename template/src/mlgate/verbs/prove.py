"""`mlgate prove`: a gate is believed because it was seen to turn red, on input made from the project's own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--only", metavar="ID", multiple=True, help="Prove this check alone; can be given several times.")
def command(only: tuple[str, ...]) -> int:
    """Run each gate and each data check on its own bad input, and expect red for the right reason.

    A check that stays green on a bad input, is red on the good one, or has no proof, fails.

    \b
    Example:  uv run mlgate prove
              uv run mlgate prove --only floor --only champion
    """
    from mlgate.project import Project

    return run(Project.find(), only).exit_code


def run(project: Project, only: tuple[str, ...] = ()) -> Report:
    """Try every proof; reports/prove.json lists the bad inputs of each check and what it said of them.

    Raises
    ------
    ConfigError
        If there is no data version or no model to make proofs from, or `only` names no check.
    """
    import tempfile
    import warnings
    from pathlib import Path

    from mlgate.console import recording, working
    from mlgate.errors import ConfigError
    from mlgate.proofs.collection import collect, required
    from mlgate.proofs.proof import prove, unproven

    names = only or required()
    if unknown := set(names) - set(required()):
        raise ConfigError(f"no check is called {', '.join(sorted(unknown))}", f"one of: {', '.join(required())}")
    with recording(project, "prove") as report, tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with working("making bad inputs"):
            proofs = collect(project, Path(scratch))
        for name in names:
            with working(f"proving {name}"):
                report.checks.append(prove(name, proofs[name]) if name in proofs else unproven(name))
        red = sum(check.status == "pass" for check in report.checks)
        bad = sum(len(proofs[name].bad) for name in names if name in proofs)
        report.notes.append(f"{red} of {len(names)} checks turn red on their bad inputs ({bad}), green on the good one")
    return report
