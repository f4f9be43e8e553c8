"""`mlgate doctor`: numbered checks of tools and configuration, each with its mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--github", "at_github", is_flag=True, help="Check the settings of the repository at GitHub instead.")
@click.option("--apply", "apply", is_flag=True, help="With --github: set what is not as it should be.")
@click.option("--repository", metavar="OWNER/NAME", help="At GitHub; else the one that the remote origin names.")
@click.option("--reviewer", "reviewers", multiple=True, metavar="LOGIN", help="Approves production; else you.")
def command(at_github: bool, apply: bool, repository: str | None, reviewers: tuple[str, ...]) -> int:
    """Check tools, configuration and state of this machine; says what to do about each finding.

    With --github it looks at GitHub's settings, by way of `gh`: rulesets, environments and who approves, what
    workflows may do, labels, Pages. --apply sets them, says what it changed, and changes nothing the second time.

    \b
    Example:  uv run mlgate doctor
              uv run mlgate doctor --github --apply --reviewer ada
    """
    from mlgate.project import Project

    if (apply or repository or reviewers) and not at_github:
        raise click.UsageError("--apply, --repository and --reviewer go with --github")
    if at_github:
        return run_at_github(Project.find(), repository, reviewers, apply).exit_code
    return run(Project.find()).exit_code


def run_at_github(project: Project, repository: str | None, reviewers: tuple[str, ...], apply: bool) -> Report:
    """Compare the settings at GitHub with those that the workflows rely on, and set them if asked to.

    Raises
    ------
    ConfigError
        If no repository at GitHub is named.
    InfraError
        If `gh` is missing or not logged in, or GitHub can't be reached.
    """
    from mlgate.console import recording, working
    from mlgate.github.api import repository_of
    from mlgate.github.doctor import examine

    with recording(project, "doctor") as report:
        name = repository_of(project, repository)
        with working(f"asking GitHub about {name}"):
            checks, changed = examine(project, name, reviewers, apply)
        report.checks += checks
        report.notes += changed or (["nothing to change"] if apply else [])
    return report


def run(project: Project) -> Report:
    """Run every check of `mlgate.diagnosis`, in order, also after one is red."""
    from mlgate.console import recording
    from mlgate.diagnosis import DIAGNOSES, diagnose

    with recording(project, "doctor") as report:
        for number, (name, check) in enumerate(DIAGNOSES.items(), start=1):
            report.checks.append(diagnose(project, f"{number:02d}-{name}", check))
    return report
