"""`mlgate push`: send to the DVC remote what dvc.lock names, and see that it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Check, Report


@click.command()
def command() -> int:
    """Send data and models to the DVC remote, and ask whether all arrived. Without one there is nothing to do.

    \b
    Example:  uv run mlgate push
    """
    from mlgate.project import Project

    return run(Project.find()).exit_code


def run(project: Project) -> Report:
    """Send every output that dvc.lock names.

    Raises
    ------
    ConfigError
        If an output is a symlink.
    InfraError
        If the remote can't be reached, or lacks a file afterwards.
    """
    from mlgate.console import recording, working
    from mlgate.versions import store

    with recording(project, "push") as report:
        remote = store.remote(project)
        if not remote:
            report.checks.append(_check("skip", "no DVC remote: data lie in Git, and models on this machine"))
            return report
        with working(f"sending to {remote}"):
            store.push(project)
        report.checks.append(_check("pass", f"everything that dvc.lock names is in {remote}"))
    return report


def _check(status: Literal["pass", "skip"], evidence: str) -> Check:
    from mlgate.report import Check

    return Check(id="remote", title="Data and models are in the remote", status=status, evidence=evidence)
