"""What must hold of an image's name, its registry, its source commit and its age: values in, checks out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mlgate.errors import ConfigError
from mlgate.image.reference import Reference
from mlgate.packing.release import Release
from mlgate.provenance.verdicts import good, verdict
from mlgate.report import Check


def needed(container: str, verify: str) -> Check:
    """No image is verified against nobody in silence, and no policy is met by an image that isn't there."""
    if verify == "none":
        return verdict("image-policy", "NOT VERIFIED: deploy.verify is none, no signature was asked for", status="skip")
    if not container:
        mend = "`mlgate package --image --push --sign`, or deploy.verify: none for releases without an image"
        return verdict("image-policy", f"deploy.verify is {verify}, and the release names no pushed image", mend)
    return good("image-policy", f"deploy.verify: {verify}")


def named(container: str) -> Check:
    """A digest is the same bytes for ever; a tag is whatever was pushed last."""
    mend = "name it REPOSITORY@sha256:…, as `mlgate package --image --push` records it"
    try:
        found = Reference.parse(container)
    except ConfigError as error:
        return verdict("image-digest", str(error), mend)
    if not found.digest:
        return verdict("image-digest", f"{container} is a tag, which can be moved", mend)
    return good("image-digest", found.digest)


def homed(container: str, repository: str) -> Check:
    """An image is taken from where the project pushes, not from a copy elsewhere."""
    mend = "push it to image.repository in params.yaml, or correct that key"
    if not repository:
        return verdict("image-repository", "image.repository in params.yaml is empty", mend)
    found, wanted = Reference.parse(container).name, Reference.parse(repository).name
    if found != wanted:
        return verdict("image-repository", f"{found}, and the project's is {wanted}", mend)
    return good("image-repository", found)


def present(container: str, missing: Sequence[str]) -> Check:
    """What the ledger is to name can be pulled: the manifest and every blob of it."""
    if missing:
        lost = ", ".join(digest[:19] for digest in missing[:3])
        mend = "push it again, or rebuild its commit and compare digests; what serves now goes on serving"
        return verdict("image-present", f"{container} is not whole in the registry any more: it lost {lost}", mend)
    return good("image-present", "manifest and blobs are there")


@dataclass(frozen=True)
class Source:
    """What Git here knows of a source commit, as `mlgate.provenance.history` finds it."""

    commit: str
    main: str = ""
    on_main: bool = False
    shallow: bool = False


def on_main(source: Source) -> Check:
    """Reviewed and merged: the commit is on the main branch, the remote's where there is one."""
    short = source.commit[:12]
    if source.on_main:
        return good("source-on-main", f"{short} is on {source.main}")
    if not source.main:
        return verdict("source-on-main", "there is no branch main here", "git fetch origin main")
    if source.shallow:
        return verdict("source-on-main", f"{short} is not in this shallow clone", "git fetch --unshallow origin main")
    return verdict("source-on-main", f"{short} is not on {source.main}", "merge it first; or git fetch origin main")


@dataclass(frozen=True)
class Former:
    """A release that the environment had: `descends` where its commit came after the one in question.

    `told` is False where this clone lacks its commit, so that nobody can tell.
    """

    container: str
    version: str
    commit: str
    source_commit: str
    built: datetime
    descends: bool
    told: bool = True


def not_replayed(release: Release, history: Sequence[Former], environment: str, rollback: bool) -> Check:
    """An older release comes back by a rollback, which the ledger records, and not by a deploy.

    Older is: its commit came before one that the environment had; or it is of the same commit and was built earlier.
    """
    if history and history[0].container == release.container:
        return good("replay", "the environment names it now")
    if rollback:
        if any(former.container == release.container for former in history):
            return good("replay", "a rollback to what the environment had")
        mend = f"`mlgate history --env {environment}` lists what there is"
        return verdict("replay", f"{environment} never had this image", mend)
    for former in history:
        same_commit = former.source_commit == release.source_commit and former.container != release.container
        if former.descends or (same_commit and release.built < former.built):
            mend = f"`mlgate rollback --env {environment} --to {release.version}` if it is meant, or merge a new commit"
            evidence = f"older than {former.version}, which {environment} had by {former.commit[:12]}"
            return verdict("replay", evidence, mend)
    if untold := sum(not former.told for former in history):
        evidence = f"this clone is shallow: the commits of {untold} releases that {environment} had are not here"
        return verdict("replay", evidence, "git fetch --unshallow origin main, then run it again", "error")
    return good("replay", f"newer than the {len(history)} that {environment} had")
