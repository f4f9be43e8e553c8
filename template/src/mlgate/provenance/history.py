"""What Git knows of a release: whether its commit is on main, and what the environment had before."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from mlgate.ledger import Ledger
from mlgate.ledger.order import bring, is_shallow
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.provenance.policy import Former, Source
from mlgate.provenance.predicate import Builder

MAIN = ("refs/remotes/origin/main", "refs/heads/main")
_REMOTE = re.compile(
    r"(?:(?:https|ssh|git)://(?:[^@/]*@)?(?P<host>[^:/]+)(?::\d+)?/|(?:[^@/:]+@)?(?P<scp>[^:/]+):(?!/))(?P<path>.+?)/*"
)


def source(project: Project, commit: str) -> Source:
    """Whether `commit` is on main: the remote's as last fetched, else the one here."""
    shallow = is_shallow(project)
    main = next((ref for ref in MAIN if project.git("rev-parse", "-q", "--verify", ref, check=False)), "")
    if not main or not _known(project, commit):
        return Source(commit, main, False, shallow)
    return Source(commit, main, not _beyond(project, commit, [main]), shallow)


def formers(project: Project, environment: str, release: Release) -> list[Former]:
    """The releases that `environment` had, newest first; those whose record is damaged can't be told.

    Where this clone lacks commits, main is fetched from the remote that has the truth. What a shallow clone lacks all
    the same has no order; in a whole clone it is a commit of no branch any more.
    """
    entries = [entry for entry in Ledger(project).entries(environment) if entry.release]
    commits = {entry.release.source_commit for entry in entries if entry.release}
    known = _those_known(project, [release.source_commit, *commits])
    if project.remote and not known.issuperset(commits):
        bring(project, "refs/heads/main")
        known = _those_known(project, [release.source_commit, *commits])
    after, shallow = _after(project, release.source_commit, known), is_shallow(project)
    return [
        Former(e.release.container, e.release.version, e.commit, e.release.source_commit, e.release.built,
               e.release.source_commit in after, e.release.source_commit in known or not shallow)
        for e in entries if e.release
    ]  # fmt: skip


def repository(project: Project) -> str:
    """HOST/OWNER/NAME of the remote `origin`; empty where there is none, or it is a folder."""
    url = project.git("remote", "get-url", "origin", check=False)
    found = _REMOTE.fullmatch(url)
    if not found or url.startswith("file:"):
        return ""
    return f"{found['host'] or found['scp']}/{found['path'].removesuffix('.git')}".lower()


def builder(project: Project) -> Builder:
    """Who builds now: a workflow of GitHub, by the variables that it sets, or someone at this clone."""
    said = os.environ.get
    if said("GITHUB_ACTIONS") != "true":
        ref = project.git("symbolic-ref", "-q", "HEAD", check=False)
        return Builder(kind="local", repository=repository(project), ref=ref)
    server, name = said("GITHUB_SERVER_URL", "https://github.com"), said("GITHUB_REPOSITORY", "")
    path = said("GITHUB_WORKFLOW_REF", "").removeprefix(f"{name}/").partition("@")[0]
    return Builder(
        kind="github",
        repository=f"{server.removeprefix('https://')}/{name}".lower(),
        ref=said("GITHUB_REF", ""),
        workflow=path,
        run=f"{server}/{name}/actions/runs/{said('GITHUB_RUN_ID', '')}",
    )


def _known(project: Project, commit: str) -> bool:
    return bool(project.git("rev-parse", "-q", "--verify", f"{commit}^{{commit}}", check=False))


def _those_known(project: Project, commits: Iterable[str]) -> set[str]:
    """Those that this clone has; one question to Git, however many they are."""
    asked = "".join(f"{commit}^{{commit}}\n" for commit in commits)
    said = project.git("cat-file", "--batch-check=%(objectname)", stdin=asked.encode()).splitlines()
    return {name for name in said if " " not in name}  # the others are "NAME missing"


def _after(project: Project, commit: str, known: set[str]) -> set[str]:
    """Those of the `known` that have `commit` in their history; two questions to Git."""
    if commit not in known or not (tips := known - {commit}) or _beyond(project, commit, tips):
        return set()  # none of them came later: the usual case
    words = "\n".join([f"^{commit}", *tips]).encode()
    return tips & set(project.git("rev-list", "--ancestry-path", "--stdin", stdin=words).splitlines())


def _beyond(project: Project, commit: str, others: Iterable[str]) -> bool:
    """Whether `commit` is in the history of none of `others`."""
    without = [f"^{other}" for other in others]
    return bool(project.git("rev-list", "-1", commit, "--stdin", stdin="\n".join(without).encode()))
