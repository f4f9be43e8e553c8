"""What a person sees in the terminal: a report as a table, progress on long work, one line for an error."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlgate.errors import MlgateError
from mlgate.project import Project
from mlgate.report import Check, Report

LOG_WIDTH = 160  # columns
_STYLE = {"pass": "green", "fail": "bold red", "skip": "dim", "error": "bold magenta"}


def stdout() -> Console:
    """Into a file or a pipe a table is as wide as a log is read: 80 columns would cut each digest into four lines."""
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = LOG_WIDTH
    return console


def stderr() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show that something is under way and, when it took over two seconds, how long it took."""
    console, started = stderr(), time.monotonic()
    if console.is_terminal:
        with console.status(escape(message)):
            yield
    else:
        yield
    seconds = time.monotonic() - started
    if seconds > 2:
        console.print(f"[dim]{escape(message)}: {seconds:.1f} s[/]")


@contextmanager
def progress(message: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar for work whose length is known; the yielded function takes how much more is done."""
    from rich.progress import Progress

    with Progress(console=stderr(), transient=True, disable=not stderr().is_terminal) as bar:
        task = bar.add_task(escape(message), total=total)
        yield lambda more: bar.advance(task, more)


@contextmanager
def recording(project: Project, verb: str) -> Iterator[Report]:
    """Collect the checks of one verb, write `reports/<verb>.json` and show it, also when the verb stops early."""
    report = Report(verb=verb, subject=project.subject())
    try:
        if verb != "doctor":  # which goes on to tell what else is wrong
            _ = project.params  # no verb works by half of an invalid params.yaml
        yield report
    except MlgateError as error:
        report.checks.append(Check(id=verb, title=verb, status="error", evidence=str(error), mend=error.mend))
        report.close().write(project.reports / f"{verb}.json")
        raise
    report.close().write(project.reports / f"{verb}.json")
    show(report)


def show(report: Report) -> None:
    """Print a report: a table of checks, notes, and what to do about each check that is not green."""
    console = stdout()
    if report.checks:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("check", "verdict", "observed", "threshold", "evidence"):
            table.add_column(heading, overflow="fold")
        for check in report.checks:
            table.add_row(*_row(check))
        console.print(table)
    for note in report.notes:
        console.print(escape(note), soft_wrap=True)  # a digest or a command in it can be copied whole
    for check in report.checks:
        if check.mend and check.status in ("fail", "error"):
            console.print(f"[bold]{escape(check.id)}[/]: {escape(check.mend)}")
    style = _STYLE[report.status]
    console.print(f"[{style}]{report.verb}: {report.status}[/] [dim]{report.seconds:.1f} s[/]")


def _row(check: Check) -> tuple[str, ...]:
    verdict = f"[{_STYLE[check.status]}]{check.status}[/]"
    return escape(check.id), verdict, escape(check.found), check.allowed, escape(check.evidence)
