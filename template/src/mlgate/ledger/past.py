"""A branch that lost commits which were seen on it: nothing is applied until a person says that it was meant."""

from __future__ import annotations

from pathlib import Path

from mlgate.errors import DataError
from mlgate.ledger.plumbing import tell


class Rewritten(DataError):  # noqa: N818 - reads as what happened
    """Commits that were seen on the branch are not in it any more."""


def lost(folder: Path, seen: str, head: str) -> list[str]:
    """One line a commit that `seen` led to and `head` does not."""
    if not seen or seen == head:
        return []
    since = [f"^{head}"] if head else []
    return tell(folder, "log", "--format=%h %cI %s", seen, *since, "--").text.splitlines()


def refuse(folder: Path, name: str, seen: str, head: str, remote: str = "") -> None:
    """Raise Rewritten if `head` has not all that `seen` had."""
    if gone := lost(folder, seen, head):
        what, env = "was rewritten" if head else "was deleted", name.removeprefix("env/")
        back = f"push --force {remote} {seen}:refs/heads/{name}" if remote else f"update-ref refs/heads/{name} {seen}"
        there = f" --remote {remote}" if remote else ""
        raise Rewritten(
            f"{name} {what}: {len(gone)} commits that were in it are gone, the newest: {gone[0]}. Nothing was applied",
            f"`git {back}` puts them back; if it was meant, `mlgate history --env {env}{there} --accept-rewritten`",
        )


def accept(folder: Path, name: str, ref: str, seen: str, head: str) -> list[str]:
    """Let `ref`, which remembers `seen`, remember `head`; the lines given up, which a ref of their own still holds."""
    gone = lost(folder, seen, head)
    if gone:
        kept = f"update refs/mlgate/lost/{name}/{seen[:12]} {seen}\n"
        moved = f"update {ref} {head}\n" if head else f"delete {ref} {seen}\n"
        tell(folder, "update-ref", "--stdin", stdin=(kept + moved).encode())
    return gone
