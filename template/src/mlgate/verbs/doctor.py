"""`mlgate doctor`: numbered checks of tools and configuration, each with its mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
def command() -> int:
    """Check tools, configuration and state of this machine; says what to do about each finding.

    \b
    Example:  uv run mlgate doctor
    """
    from mlgate.project import Project

    return run(Project.find()).exit_code


def run(project: Project) -> Report:
    """Run every check of `mlgate.diagnosis`, in order, also after one is red."""
    from mlgate.console import recording
    from mlgate.diagnosis import DIAGNOSES, diagnose

    with recording(project, "doctor") as report:
        for number, (name, check) in enumerate(DIAGNOSES.items(), start=1):
            report.checks.append(diagnose(project, f"{number:02d}-{name}", check))
    return report
