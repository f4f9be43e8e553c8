"""A branch written without a checkout: Git's plumbing makes the commit, so no working tree, index or user notices."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlgate.errors import InfraError
from mlgate.project import run

IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "mlgate"), ("EMAIL", "mlgate@localhost"))
}
# Set by Git for its hooks; they would point us to another repository or index.
INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
STALE = 2.0  # seconds; Git holds a reference's lock for milliseconds


class Overtaken(InfraError):  # noqa: N818 - reads as what happened
    """Someone else wrote the branch since it was read."""


@dataclass(frozen=True)
class Commit:
    """One commit of the branch as Git tells it; `trailers` in their order."""

    commit: str
    when: str
    subject: str
    trailers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Branch:
    """The orphan branch `name` of the repository that `folder` lies in (a linked worktree works too)."""

    folder: Path
    name: str

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.name}"

    def head(self) -> str:
        """The newest commit, or empty where the branch does not exist; a broken branch is an error, never empty."""
        find = ("rev-parse", "-q", "--verify", self.ref)
        found = self._git(*find, check=False)
        if found or not (self.common() / self.ref).exists():
            return found
        found = self._git(*find, check=False)  # it may have been born between the two looks
        if not found:
            raise InfraError(f"the branch {self.name} is damaged", f"see `git reflog {self.name}` and `git fsck`")
        return found

    def common(self) -> Path:
        """The folder that all worktrees of the repository share."""
        try:
            return (self.folder / self._git("rev-parse", "--git-common-dir")).resolve()
        except InfraError as error:
            raise InfraError(f"{self.folder} is in no Git repository", "run `git init` and commit first") from error

    def file(self, commit: str, name: str) -> bytes | None:
        """Content of a file at a commit, or None where the commit has no such file."""
        row = self._git("ls-tree", "-z", "--full-tree", commit, "--", name).strip("\0")
        if not row:
            return None
        return self._raw("cat-file", "blob", row.split()[2]).encode("utf-8", "surrogateescape")

    def tree(self, commit: str) -> str:
        return self._git("rev-parse", "--verify", f"{commit}^{{tree}}") if commit else ""

    def log(self) -> list[Commit]:
        """Every commit of the branch, newest first, in Git's order: the clock has no say."""
        head = self.head()
        if not head:
            return []
        fields = "%H%x00%cI%x00%s%x00%(trailers:only,unfold)%x01"
        text = self._git("log", "--first-parent", f"--format={fields}", head, "--")
        rows = [entry.strip("\n").split("\0") for entry in text.split("\x01") if entry.strip()]
        return [Commit(row[0], row[1], row[2], tuple(_trailers(row[3]))) for row in rows]

    def write_tree(self, files: Mapping[str, bytes]) -> str:
        """Store the files (flat) and return their tree; nothing refers to it yet."""
        rows = []
        for name, content in sorted(files.items()):
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
                raise InfraError(f"{name!r} is no file name for {self.name}", "use letters, digits, dot, dash")
            blob = self._git("hash-object", "-w", "--no-filters", "--stdin", stdin=content)
            rows.append(f"100644 blob {blob}\t{name}\n")
        return self._git("mktree", stdin="".join(rows).encode())

    def add(self, tree: str, message: str, parent: str) -> str:
        """Commit `tree` onto `parent` (empty: a first commit) if the branch still stands there.

        Raises
        ------
        Overtaken
            If the branch has moved; nothing was written but loose objects, which Git collects.
        """
        parents = ["-p", parent] if parent else []
        commit = self._git("commit-tree", tree, *parents, "-F", "-", stdin=message.encode("utf-8", "replace"))
        with self._alone() as common:
            self._await_lock(common / f"{self.ref}.lock")
            if self.head() != parent:
                raise Overtaken(f"the branch {self.name} was written by someone else meanwhile", "run it again")
            reason = message.partition("\n")[0]
            self._git("update-ref", "--create-reflog", "-m", reason, self.ref, commit, parent or "0" * len(commit))
        return commit

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Path]:
        """One writer at a time; the kernel frees the lock of one that was killed."""
        common = self.common()
        with (common / f"mlgate-{self.name.replace('/', '-')}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield common

    @staticmethod
    def _await_lock(path: Path) -> None:
        """Wait for another Git to finish; a lock left behind by one that was killed has nobody, as we are alone."""
        with contextlib.suppress(FileNotFoundError):
            while time.time() - path.stat().st_mtime < STALE:
                time.sleep(0.02)
            path.unlink()

    def _git(self, *arguments: str, stdin: bytes | None = None, check: bool = True) -> str:
        return self._raw(*arguments, stdin=stdin, check=check).strip()

    def _raw(self, *arguments: str, stdin: bytes | None = None, check: bool = True) -> str:
        environ = {key: value for key, value in os.environ.items() if key not in INHERITED} | IDENTITY
        environ["LC_ALL"] = "C"
        return run(["git", *arguments], self.folder, environ=environ, stdin=stdin, check=check, apart=True)


def _trailers(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            yield key.strip(), value.strip()
