"""`mlgate retrain`: new data through the same pipeline and the same gates, on a branch that can be a pull request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Report

BRANCH = "mlgate/retrain"


@click.command()
@click.option("--until", metavar="DATE", help="Take the snapshot until this date instead of the newest rows.")
def command(until: str | None) -> int:
    """New data, same pipeline, same gates; a branch with the report if every gate is green.

    Works on a second checkout of the commit that you are on: your files stay as they are. If a gate is
    red there is no branch, and the report says why.

    \b
    Example:  uv run mlgate retrain --until 2026-06-01
              git merge --ff-only mlgate/retrain && dvc checkout
    """
    from mlgate.project import Project

    return run(Project.find(), until).exit_code


def run(project: Project, until: str | None = None) -> Report:
    """Retrain at the checked-out commit and leave the branch `mlgate/retrain` if the gates pass."""
    from mlgate.console import recording, working
    from mlgate.report import Check
    from mlgate.verbs.ingest import parse_until
    from mlgate.worktree import worktree

    parse_until(until)
    if not project.commit:
        raise ConfigError("there is no commit to retrain", "commit your work first")
    with recording(project, "retrain") as report, worktree(project, "retrain", waiting=_waits) as copy:
        with working("taking a new snapshot"):
            _verb(project, copy, ["-m", "mlgate", "ingest", *(["--until", until] if until else [])])
        if not copy.changed:
            report.checks.append(
                Check(id="new-data", title="New data", status="skip", evidence="the source has nothing new")
            )
            return report
        rows = f"{project.params.project.slug}: {', '.join(copy.changed)}"
        report.checks.append(Check(id="new-data", title="New data", status="pass", evidence=rows))
        with working("validate, train, evaluate"):
            _verb(project, copy, ["-m", "dvc", "repro", "--quiet"])
        _collect(project, copy, report)
        if report.close().status == "pass":
            _branch(project, copy, report)
        else:
            report.notes.append("No branch was made: a gate is red. The model in production stays.")
    return report


def _waits() -> None:
    from mlgate.console import stderr
    from mlgate.worktree import LOCK_SECONDS

    stderr().print(f"another retrain is under way here: waiting for its end, at most {LOCK_SECONDS / 60:.0f} minutes")


def _verb(project: Project, copy: Project, arguments: list[str]) -> None:
    """Run one step in the copy; its report, not its exit code, carries the verdict of a gate."""
    import subprocess
    import sys

    from mlgate.errors import InfraError
    from mlgate.worktree import environ

    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=copy.root, env=environ(project, copy), capture_output=True, check=False)
    if done.returncode == 0:
        return
    words = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    if any(path.exists() for path in _reports(copy)):
        return
    last = " / ".join(words.splitlines()[-4:])
    kind = DataError if done.returncode == 1 else ConfigError if done.returncode == 2 else InfraError
    raise kind(f"`{' '.join(arguments[1:3])}` failed while retraining: {last}", "run the same verb here to see it all")


def _reports(copy: Project) -> list[Path]:
    return [copy.reports / f"{verb}.json" for verb in ("validate", "train", "evaluate")]


def _collect(project: Project, copy: Project, report: Report) -> None:
    """Bring the verdicts of the stages together; a stage that left no report is an error, not a pass."""
    from mlgate.files import write_atomic
    from mlgate.judging import standing
    from mlgate.report import Check, Report

    kept = project.reports / standing.RETRAINED
    standing.bring(copy.reports, kept)
    for path in _reports(copy):
        if not path.exists():
            missing = f"{path.stem} did not run, because an earlier stage was red"
            report.checks.append(Check(id=path.stem, title=path.stem, status="error", evidence=missing))
            continue
        stage = Report.read(path)
        write_atomic(kept / path.name, path.read_bytes())
        report.checks.extend(stage.checks)
        report.notes.extend(stage.notes)
        report.subject = stage.subject


def _branch(project: Project, copy: Project, report: Report) -> None:
    """Commit data version and lock on `mlgate/retrain`, with the report as the message."""
    from mlgate.cards import markdown
    from mlgate.console import working
    from mlgate.files import write_atomic
    from mlgate.ledger.plumbing import await_lock, common, nothing
    from mlgate.versions import store

    text = markdown(report)
    digest = report.subject.data_digest.removeprefix("sha256:")[:12]
    write_atomic(project.reports / "retrain.md", text.encode())
    if store.remote(project):
        with working("sending data and model to the DVC remote"):
            store.push(copy)
    copy.git("add", "--", "data", "dvc.lock")
    message = f"retrain: data {digest}\n\n{text}"
    identity = ["-c", "user.name=mlgate", "-c", "user.email=mlgate@localhost"]
    copy.git(*identity, "commit", "--quiet", "--no-verify", "--file=-", stdin=message.encode())
    ref, commit = f"refs/heads/{BRANCH}", copy.commit
    await_lock(common(project.root) / f"{ref}.lock")
    old = project.git("rev-parse", "--verify", "-q", ref, check=False)
    project.git("update-ref", ref, commit, old or nothing(project.root, commit))
    report.artifacts.append("reports/retrain.md")
    report.notes.append(
        f"Branch {BRANCH} is ready: `git merge --ff-only {BRANCH}` and `dvc checkout`, or open a pull request from it."
    )
