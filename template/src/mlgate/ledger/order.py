"""Which of two releases is the newer: the order of their commits on main says so, whatever the clocks said."""

from __future__ import annotations

from mlgate.ledger.branch import Now, Overtaken
from mlgate.ledger.entry import parse
from mlgate.ledger.plumbing import ask, common
from mlgate.packing.release import RECORD, Release
from mlgate.project import Project

DEPTH = "--depth=1000"  # how far a shallow clone looks back for the order of two commits


def require_newest(project: Project, env: str, release: Release, now: Now) -> None:
    """Raise Overtaken if `env` names a release of a later commit: an earlier deploy that came late must not undo it."""
    there = parse(now.files[RECORD], f"env/{env}", now.head)
    if there is None or there.source_commit == release.source_commit:
        return
    if _is_ancestor(project, release.source_commit, there.source_commit):
        raise Overtaken(
            f"overtaken: {env} is at {there.version} of commit {there.source_commit[:12]}, which is newer than "
            f"{release.version} of {release.source_commit[:12]}; nothing was written",
            f"to go back on purpose: `mlgate rollback --env {env} --to VERSION`",
        )


def _is_ancestor(project: Project, older: str, newer: str) -> bool:
    """Whether `older` lies before `newer`; what this clone lacks is fetched. False where it can't be known."""
    answer = ask(project.root, "merge-base", "--is-ancestor", older, newer)
    if answer.code > 1 and project.remote:  # a commit is not in this clone
        bring(project, newer)
        answer = ask(project.root, "merge-base", "--is-ancestor", older, newer)
    return answer.code == 0


def bring(project: Project, commit: str) -> None:
    """Fetch a commit and its past from the remote that has the truth; a shallow clone stays one, if a deeper one."""
    flags = ["--quiet", "--no-tags", "--no-write-fetch-head", *([DEPTH] if is_shallow(project) else [])]
    ask(project.root, "fetch", *flags, project.remote, commit, timeout=60)


def is_shallow(project: Project) -> bool:
    """Whether this clone lacks a part of the past."""
    return (common(project.root) / "shallow").is_file()
