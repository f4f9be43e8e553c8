"""`mlgate pull`: fetch from the DVC remote what dvc.lock names; without a remote there is nothing to fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Check, Report


@click.command()
def command() -> int:
    """Fetch data and models from the DVC remote. Without one, data lie in Git and models are made by `dvc repro`.

    \b
    Example:  uv run mlgate pull
    """
    from mlgate.project import Project

    return run(Project.find()).exit_code


def run(project: Project) -> Report:
    """Fetch every output that dvc.lock names.

    Raises
    ------
    ConfigError
        If an output is a symlink.
    InfraError
        If the remote can't be reached, or lacks a file.
    """
    from mlgate.console import recording, working
    from mlgate.versions import store

    with recording(project, "pull") as report:
        remote = store.remote(project)
        if not remote:
            report.checks.append(_check("skip", "no DVC remote: data lie in Git, models are made again"))
            return report
        with working(f"fetching from {remote}"):
            store.pull(project)
        report.checks.append(_check("pass", f"everything that dvc.lock names is here, from {remote}"))
    return report


def _check(status: Literal["pass", "skip"], evidence: str) -> Check:
    from mlgate.report import Check

    return Check(id="remote", title="Data and models are here", status=status, evidence=evidence)
