"""Runs verbs one after the other as a user would and tells each in one line: what ran, the verdict, where to look."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext

from rich.console import Console
from rich.markup import escape

from mlgate import warm
from mlgate.errors import InfraError
from mlgate.project import Project
from mlgate.report import Check, Report

MLGATE = [sys.executable, "-m", "mlgate"]  # the first verb runs while the libraries for the others are being loaded


@dataclass
class Step:
    """One step under way: what it is, since when, and how to wait for its exit code and output."""

    title: str
    command: Sequence[str]
    started: float
    wait: Callable[[], tuple[int, str]]


@dataclass
class Story:
    """The steps told so far; `tell` adds one and stops the story when a step ends otherwise than expected.

    Each verb runs in a process of its own, through the front door, as a terminal would run it.
    """

    project: Project
    console: Console
    checks: list[Check] = field(default_factory=list)
    context: ForkServerContext = field(default_factory=warm.begin)
    under_way: list[Step] = field(default_factory=list)

    def tell(
        self,
        title: str,
        command: Sequence[str],
        verdict: Callable[[Report | None], str],
        look: str,
        expected: int = 0,
    ) -> Report | None:
        """Run `mlgate COMMAND…` (or another program, by its name) and print its line.

        Raises
        ------
        InfraError
            If the exit code is not the expected one; carries the last words of the command.
        """
        return self.finish(self.begin(title, command), verdict, look, expected)

    def begin(self, title: str, command: Sequence[str]) -> Step:
        """Start a step whose line is told later, by `finish`."""
        step = Step(title, command, time.monotonic(), self._start(command))
        self.under_way.append(step)
        return step

    def finish(
        self, step: Step, verdict: Callable[[Report | None], str], look: str, expected: int = 0
    ) -> Report | None:
        """Wait for a step and print its line; InfraError as `tell`."""
        with self.console.status(f"{len(self.checks) + 1:2d} {step.title}: {' '.join(step.command)}"):
            code, printed = step.wait()
        self.under_way.remove(step)
        seconds = time.monotonic() - step.started
        if code != expected:
            words = " / ".join(printed.strip().splitlines()[-6:])
            raise InfraError(
                f"`{' '.join(step.command)}` ended with {code}, not {expected}: {words}",
                "run the same command here; `mlgate doctor` checks the machine",
            )
        report = self._report(step.command)
        sentence = verdict(report)
        self._line(step.title, sentence, seconds, look)
        name = f"{len(self.checks) + 1:02d}-{step.title}"
        check = Check(id=name, title=step.title, status="pass", observed=round(seconds, 2), unit="s", evidence=sentence)
        self.checks.append(check)
        return report

    def settle(self) -> None:
        """Wait for what an early end left under way: a verb that got the same Ctrl-C clears up after itself."""
        while self.under_way:
            self.under_way.pop().wait()

    def _start(self, command: Sequence[str]) -> Callable[[], tuple[int, str]]:
        root, environ = self.project.root, self.project.environ()
        programs = {"git": ["git"], "dvc": [sys.executable, "-m", "dvc"], "ingest": [*MLGATE, "ingest"]}
        if command[0] not in programs:
            return warm.start(self.context, command, root, environ).wait
        full = [*programs[command[0]], *command[1:]]
        process = subprocess.Popen(full, cwd=root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        def wait() -> tuple[int, str]:
            printed, _ = process.communicate()
            return process.returncode, printed.decode("utf-8", "replace")

        return wait

    def _report(self, command: Sequence[str]) -> Report | None:
        name = "evaluate" if command[0] == "dvc" else command[0]
        path = self.project.reports / f"{name}.json"
        return Report.read(path) if path.exists() else None

    def _line(self, title: str, sentence: str, seconds: float, look: str) -> None:
        number = f"[dim]{len(self.checks) + 1:2d}[/]"
        tail = f"[dim]{seconds:.1f} s  {escape(look)}[/]"
        self.console.print(f"{number} [bold]{title:<9}[/] {escape(sentence)}  {tail}", soft_wrap=True)


def observed(report: Report | None, check: str) -> str:
    """`0.71 [0.68, 0.74]` of the named check, or nothing where it isn't there."""
    found = next((c for c in report.checks if c.id == check), None) if report else None
    if found is None or found.observed is None:
        return ""
    low_high = f" [{found.interval[0]:.3f}, {found.interval[1]:.3f}]" if found.interval else ""
    return f"{found.observed:.3f}{low_high}"
