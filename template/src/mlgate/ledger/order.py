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
        shallow = (common(project.root) / "shallow").is_file()
        flags = ["--quiet", "--no-tags", "--no-write-fetch-head", *([DEPTH] if shallow else [])]
        ask(project.root, "fetch", *flags, project.remote, newer, timeout=60)
        answer = ask(project.root, "merge-base", "--is-ancestor", older, newer)
    return answer.code == 0
