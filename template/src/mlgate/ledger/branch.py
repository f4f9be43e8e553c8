"""A branch written without a checkout: no working tree, index or user notices, and a rewritten past is not followed."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlgate.errors import InfraError
from mlgate.ledger import past
from mlgate.ledger.plumbing import Built, ask, await_lock, build, common, nothing, objects, tell


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
class Now:
    """The branch at one moment: its newest commit (empty: none), that commit's tree and some of its files."""

    head: str = ""
    tree: str = ""
    files: Mapping[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """The orphan branch `name` of the repository that `folder` lies in (a linked worktree works too)."""

    folder: Path
    name: str

    @property
    def ref(self) -> str:
        """What is read here."""
        return f"refs/heads/{self.name}"

    @property
    def seen(self) -> str:
        """What the newest commit was when it was last looked at: what came after it is new, what lacks it is forged."""
        return f"refs/mlgate/seen/{self.name}"

    @property
    def lock(self) -> str:
        """The file in Git's folder that one writer at a time holds."""
        return f"mlgate-{self.name.replace('/', '-')}.lock"

    def sync(self) -> None:
        """Bring `ref` up to date with where the truth is: it is here already."""

    def now(self, *names: str) -> Now:
        """The branch as it stands, with the files of those names.

        Raises
        ------
        Rewritten
            If commits that were there are gone.
        InfraError
            If the branch is there and can't be read.
        """
        return self._look(names)[0]

    def head(self) -> str:
        """The newest commit, or empty where the branch does not exist; a broken branch is an error, never empty."""
        return self.now().head

    def file(self, commit: str, name: str) -> bytes | None:
        """Content of a file at a commit, or None where the commit has no such file."""
        (found,) = objects(self.folder, [f"{commit}:{name}"])
        return found[1] if found else None

    def log(self, head: str) -> list[Commit]:
        """Every commit that `head` leads to, newest first, in Git's order: the clock has no say."""
        fields = ("%H", "%cI", "%s", "%(trailers:only,unfold)")  # and a NUL after each, which no message has
        form = f"--format={'%x00'.join(fields)}"
        told = iter(tell(self.folder, "log", "-z", "--first-parent", form, head, "--").text.split("\0"))
        rows = zip(told, told, told, told, strict=False)
        return [Commit(commit, when, subject, tuple(_trailers(text))) for commit, when, subject, text in rows]

    def build(self, base: str, files: Mapping[str, bytes | None], message: str, parent: str) -> Built:
        return build(self.folder, base, files, message, parent)

    def advance(self, commit: str, parent: str, reason: str) -> None:
        """Let the branch name `commit` if it still stands at `parent` (empty: is not there).

        Raises
        ------
        Overtaken
            If the branch has moved; nothing was written but loose objects, which Git collects.
        """
        none = nothing(self.folder, commit)
        moves = f"update {self.ref} {commit} {parent or none}\nupdate {self.seen} {commit}\n"
        with self._alone() as folder:
            for ref in (self.ref, self.seen):
                await_lock(folder / f"{ref}.lock")
            answer = ask(self.folder, "update-ref", "--create-reflog", "-m", reason, "--stdin", stdin=moves.encode())
            if not answer.code:
                return
            if self.head() != parent:
                raise Overtaken(f"the branch {self.name} was written by someone else meanwhile", "run it again")
        raise InfraError(
            f"the branch {self.name} can't be written: {answer.words}", "check the disk and the rights of .git"
        )

    def add(self, files: Mapping[str, bytes | None], message: str, parent: str) -> str:
        """Commit `files`, and no others, onto `parent`, and let the branch name that commit."""
        commit = self.build("", files, message, parent).commit
        self.advance(commit, parent, message.partition("\n")[0])
        return commit

    def accept(self) -> list[str]:
        """Take the branch as it stands for its past from now on; lines that say which commits that gives up."""
        now, seen = self._found(())
        return past.accept(self.folder, self.name, self.seen, seen, now.head)

    def _look(self, names: tuple[str, ...]) -> tuple[Now, str]:
        now, seen = self._found(names)
        if not now.head and (common(self.folder) / self.ref).exists():
            now, seen = self._found(names)  # it may have been born between the two looks
            if not now.head:
                raise InfraError(f"the branch {self.name} is damaged", f"see `git reflog {self.name}` and `git fsck`")
        if now.head != seen:
            past.refuse(self.folder, self.name, seen, now.head)
            if now.head:  # as far as this repository can be written: looking does not need it
                old = seen or nothing(self.folder, now.head)
                ask(self.folder, "update-ref", "--create-reflog", self.seen, now.head, old)
        return now, seen

    def _found(self, names: tuple[str, ...]) -> tuple[Now, str]:
        """What is there and what was seen, read in this order: whoever writes meanwhile makes the later part newer.

        So the head is never behind what was seen, and a decision on newer files is stopped by the head that it names.
        """
        files = [f"{self.ref}:{name}" for name in names]
        seen, head, tree, *found = objects(self.folder, [self.seen, self.ref, f"{self.ref}^{{tree}}", *files])
        contents = {name: one[1] if one else None for name, one in zip(names, found, strict=True)}
        return Now(head[0] if head else "", tree[0] if tree else "", contents), seen[0] if seen else ""

    def turn(self) -> contextlib.AbstractContextManager[object]:
        """Wait for one's turn among the writers of this repository, so that no commit is built in vain."""
        return self._held(common(self.folder) / f"{self.lock}.queue")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Path]:
        """One writer at a time."""
        folder = common(self.folder)
        with self._held(folder / self.lock):
            yield folder

    @staticmethod
    @contextlib.contextmanager
    def _held(path: Path) -> Iterator[None]:
        """Hold a lock; the kernel frees that of one who was killed."""
        try:
            lock = path.open("w")
        except OSError as error:
            raise InfraError(f"cannot write {path}: {error.strerror}", "make .git writable, free space") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _trailers(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            yield key.strip(), value.strip()
