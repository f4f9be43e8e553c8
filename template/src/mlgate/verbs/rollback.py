"""`mlgate rollback`: the former release again, by a commit; nothing is rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.engine import ENGINES
from mlgate.errors import DataError

if TYPE_CHECKING:
    from mlgate.ledger import Entry
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--env", "environment", required=True, type=click.Choice(["staging", "production"]), help="Where.")
@click.option("--to", metavar="VERSION|COMMIT", help="Which earlier release; by default the one before.")
@click.option("--approved-by", metavar="NAME", help="Who decided; else MLGATE_APPROVED_BY, GITHUB_ACTOR or Git's user.")
@click.option("--engine", type=click.Choice(list(ENGINES)), help="What runs it; else MLGATE_ENGINE or deploy.engine.")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
def command(environment: str, to: str | None, approved_by: str | None, engine: str | None, remote: str | None) -> int:
    """Return an environment to an earlier release: verified, started beside the present one, then switched.

    A second rollback undoes the first; `--to` goes further back.

    \b
    Example:  uv run mlgate rollback --env production
    """
    from mlgate.project import Project

    return run(Project.find(engine=engine, remote=remote), environment, to, approved_by).exit_code


def run(project: Project, environment: str, to: str | None = None, approved_by: str | None = None) -> Report:
    """Roll `environment` back to the release before, or to the one `to` names."""
    from mlgate.console import recording, working
    from mlgate.engine.rollout import mirrored, person, roll_out
    from mlgate.ledger import Ledger, approver, run_url
    from mlgate.ledger.contract import contract_check
    from mlgate.ledger.unfinished import LEFT, under_way, unfinished

    with recording(project, "rollback") as report:
        ledger = Ledger(project)
        entries = ledger.entries(environment)
        half = unfinished(project, environment, entries)
        target = half if half and (to is None or _named(half, to)) else choose(entries, environment, to)
        release = target.release
        assert release is not None
        report.subject.image_digest, report.subject.model_digest = release.image, release.model_digest
        report.subject.data_digest = release.data_digest
        report.checks.append(contract_check(*(ledger.beside(environment, e.commit) for e in (entries[0], target))))
        if report.checks[0].evidence.startswith("warning"):
            report.notes.append(report.checks[0].evidence)
        subject = f"rollback({environment}): {release.model} {release.version}"
        trailers = {"Run": run_url(), LEFT: entries[0].commit, "Approved-By": approver(approved_by, person(project))}
        left = half.trailers[LEFT] if half and target is half else entries[0].commit
        with under_way(project, environment, left), working(f"starting {release.version} in {environment}"):
            done = roll_out(
                project,
                environment,
                release,
                lambda: ledger.restore(environment, target.commit, subject, trailers, entries[0].commit),
                report,
                back=True,
            )
        if done:
            report.notes.insert(0, _told(environment, entries, target))
            if environment == "production":
                report.notes.append(mirrored(project, release))
    return report


def _told(environment: str, entries: list[Entry], target: Entry) -> str:
    assert target.release is not None
    if target is not next(entry for entry in entries if not entry.stands):
        left = entries[0].release.version if entries[0].release else "a damaged record"
        return f"{environment} is back from {left} to {target.release.version}"
    return f"the rollback of {environment} to {target.release.version} was cut short, and is at its end now"


def _named(entry: Entry, to: str) -> bool:
    """Whether `to` is how a release's version or the entry's commit begins, and long enough to mean it."""
    wanted = to.strip().lower()
    version = entry.release.version if entry.release else ""
    return len(wanted) >= 4 and (version.startswith(wanted) or entry.commit.startswith(wanted))


def choose(entries: list[Entry], environment: str, to: str | None) -> Entry:
    """The entry to return to: the newest that named another release and was not reverted, or the one `to` names.

    Raises
    ------
    DataError
        If there is none.
    """
    mend = f"`mlgate history --env {environment}` lists what there is"
    if not entries:
        raise DataError(f"nothing was ever deployed to {environment}", "run `mlgate deploy --env staging`")
    now = entries[0].release.image if entries[0].release else ""
    reverted = {entry.trailers["Reverts"] for entry in entries if "Reverts" in entry.trailers}
    earlier = [e for e in entries if e.release and e.release.image != now and e.commit not in reverted and not e.stands]
    if to is None:
        if not earlier:
            raise DataError(f"{environment} has no other release to return to", mend)
        return earlier[0]
    if named := next((entry for entry in earlier if _named(entry, to)), None):
        return named
    if entries[0].release and _named(entries[0], to):
        raise DataError(f"{environment} is at {entries[0].release.version} already", mend)
    raise DataError(f"{environment} never served {to!r} (give at least four digits)", mend)
