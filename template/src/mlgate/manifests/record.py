"""Manifests in the ledger: which are committed with a release, and whether they are what its commit gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlgate.errors import MlgateError
from mlgate.manifests.identity import MANIFESTS
from mlgate.manifests.kustomize import Kustomize
from mlgate.manifests.render import SOURCE, render
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Check

if TYPE_CHECKING:
    from mlgate.ledger import Entry


def manifests_for(
    project: Project, environment: str, release: Release, entries: Sequence[Entry]
) -> tuple[dict[str, bytes], str]:
    """What the ledger keeps of Kubernetes beside the record, and a sentence for the report.

    Nothing where nothing could read it: no image was pushed, deploy/ is gone, or kustomize is missing. With the
    engine `kubernetes`, each of these is an error.

    Parameters
    ----------
    entries
        The history of the environment, newest first.
    """
    needed = project.engine == "kubernetes"
    if not needed and not release.container:
        return {}, ""
    if not needed and not project.git("ls-tree", release.source_commit, SOURCE, check=False):
        return {}, f"no manifests: commit {release.source_commit[:12]} has no {SOURCE}/"
    found = Kustomize.find()
    if not needed and found is None:
        return {}, "no manifests: neither kustomize nor kubectl is installed"
    content = render(project, environment, release, former(entries, release))
    return {MANIFESTS: content}, f"{MANIFESTS} rendered by kustomize {found.version if found else ''}"


def compare(project: Project, environment: str, entries: Sequence[Entry], committed: bytes | None) -> Check:
    """Whether the manifests in the ledger, `committed`, are those that the newest release's commit gives."""
    name, title = f"{environment}/manifests", f"{environment}'s manifests are those of its release"
    release = entries[0].release if entries else None
    if committed is None or release is None:
        return Check(id=name, title=title, status="skip", evidence="the ledger has no manifests")
    if Kustomize.find() is None:
        return Check(id=name, title=title, status="skip", evidence="neither kustomize nor kubectl is installed")
    mend = (
        f"`git log -p env/{environment} -- {MANIFESTS}` says who wrote it; `mlgate rollback` restores one that is right"
    )
    try:
        fresh = render(project, environment, release, former(written(entries), release))
    except MlgateError as error:
        return Check(id=name, title=title, status="error", evidence=str(error), mend=error.mend)
    if fresh == committed:
        return Check(id=name, title=title, status="pass", evidence=f"rendered anew, all {len(fresh):,} bytes are equal")
    pairs = zip(fresh.splitlines(), committed.splitlines(), strict=False)
    line = next((number for number, (one, other) in enumerate(pairs, 1) if one != other), None)
    where = f"they differ from line {line} on" if line else "one has lines that the other lacks"
    return Check(id=name, title=title, status="fail", evidence=where, mend=mend)


def former(entries: Sequence[Entry], release: Release) -> Release | None:
    """The release that served before `release`, also where that was committed already."""
    return next((entry.release for entry in entries if entry.release and entry.release.image != release.image), None)


def written(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The history up to where the newest content was written: a rollback, a revert or a freeze does not write it."""
    places = {entry.commit: place for place, entry in enumerate(entries)}
    place = 0
    while place < len(entries):
        trailers, before = entries[place].trailers, entries[place + 1 : place + 2]
        if "Restores" in trailers:
            there = places.get(trailers["Restores"], len(entries))
        elif "Reverts" in trailers:
            there = places.get(trailers["Reverts"], len(entries)) + 1
        elif before and before[0].release == entries[place].release:
            there = place + 1
        else:
            break
        if there <= place:  # no commit comes before those that it follows
            break
        place = there
    return entries[place:]
