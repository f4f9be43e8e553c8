"""A ledger of thousands of releases, written as one stream: each of a commit of its own, oldest first."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from toy_repository import make_release

from mlgate.packing.release import RECORD, Release

START = datetime(2026, 1, 1, tzinfo=UTC)


def main_of(root: Path, number: int) -> list[str]:
    """So many commits on main, and their ids."""
    return imported(root, "main", ({"number.txt": str(i).encode()} for i in range(number)), lambda i: f"commit {i}")


def releases_of(commits: Iterable[str], start: int = 0) -> list[Release]:
    """One of each commit, each with an image of its own; the first is number `start`."""
    return [
        make_release(f"long {i}").model_copy(
            update={
                "source_commit": commit,
                "container": f"registry.example/toy@sha256:{i:064x}",
                "built": START + timedelta(hours=i),
            }
        )
        for i, commit in enumerate(commits, start)
    ]


def ledger_of(
    root: Path, releases: list[Release], env: str = "staging", beside: Mapping[str, bytes] | None = None
) -> list[str]:
    """The branch of an environment that had these releases one after the other; its commits."""
    contents = ({RECORD: one.model_dump_json(indent=2).encode() + b"\n", **(beside or {})} for one in releases)

    def said(i: int) -> str:
        one = releases[i]
        return f"deploy({env}): toy {one.version}\n\nImage: {one.container}\nApproved-By: Ada\n"

    return imported(root, f"env/{env}", contents, said)


def imported(root: Path, branch: str, contents: Iterable[Mapping[str, bytes]], said: Callable[[int], str]) -> list[str]:
    """Commits with these files on a branch, after those that it has."""
    there = subprocess.run(["git", "rev-parse", "-q", "--verify", branch], cwd=root, capture_output=True, check=False)
    stream, number = [], 0
    for number, files in enumerate(contents, 1):
        text, when = said(number - 1).encode(), int((START + timedelta(hours=number)).timestamp())
        stream.append(f"commit refs/heads/{branch}\ncommitter a <a@b> {when} +0000\ndata {len(text)}\n".encode() + text)
        stream.append(f"\nfrom refs/heads/{branch}^0".encode() if number == 1 and not there.returncode else b"")
        stream += [f"\nM 100644 inline {name}\ndata {len(c)}\n".encode() + c for name, c in files.items()]
        stream.append(b"\n")
    done = subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=root, input=b"".join(stream), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    words = ["git", "rev-list", "--reverse", f"refs/heads/{branch}"]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, check=True).stdout.split()[-number:]
