"""Runs verbs one after the other as a user would and tells each in one line: what ran, the verdict, where to look."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

from mlgate.errors import InfraError
from mlgate.project import Project
from mlgate.report import Check, Report


@dataclass
class Story:
    """The steps told so far; `tell` adds one and stops the story when a step ends otherwise than expected."""

    project: Project
    console: Console
    checks: list[Check] = field(default_factory=list)

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
        started = time.monotonic()
        with self.console.status(f"{len(self.checks) + 1:2d} {title}: {' '.join(command)}"):
            done = self._run(command)
        seconds = time.monotonic() - started
        if done.returncode != expected:
            words = " / ".join((done.stdout + done.stderr).strip().splitlines()[-6:])
            raise InfraError(
                f"`{' '.join(command)}` ended with {done.returncode}, not {expected}: {words}",
                "run the same command here; `mlgate doctor` checks the machine",
            )
        report = self._report(command)
        sentence = verdict(report)
        self._line(title, sentence, seconds, look)
        self.checks.append(
            Check(id=f"{len(self.checks) + 1:02d}-{title}", title=title, status="pass", observed=round(seconds, 2),
                  unit="s", evidence=sentence)
        )  # fmt: skip
        return report

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        known = {"git": ["git"], "dvc": [sys.executable, "-m", "dvc"]}
        full = [*known[command[0]], *command[1:]] if command[0] in known else [sys.executable, "-m", "mlgate", *command]
        return subprocess.run(
            full, cwd=self.project.root, env=self.project.environ(), capture_output=True, text=True, check=False
        )

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
