"""Git's plumbing, few processes a deed: objects are read in one batch, and a commit is made from one stream."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlgate.errors import InfraError

# Set by Git for its hooks; they would point us to another repository or index.
INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
IDENTITY = ("mlgate", "mlgate@localhost")
# A branch that says what runs must outlive a power cut; and no collection of garbage in the middle of a deploy.
DURABLE = ("-c", "core.fsync=committed,reference")
SETTINGS = (*DURABLE, "-c", "gc.auto=0", "-c", "maintenance.auto=false")
STALE = 2.0  # seconds; Git holds a reference's lock for milliseconds
SCRATCH = "refs/mlgate/scratch"  # a name that `fast-import` asks for, and that is dropped in the same stream


@dataclass(frozen=True)
class Answer:
    """What a Git said: exit code, standard output, and the last words of its standard error."""

    code: int
    out: bytes
    words: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "surrogateescape").strip()


@dataclass(frozen=True)
class Built:
    """A commit that no branch names yet."""

    commit: str
    tree: str


def ask(
    folder: Path,
    *arguments: str,
    stdin: bytes = b"",
    timeout: float | None = None,
    settings: Sequence[str] = SETTINGS,
) -> Answer:
    """Run git to its end, whatever that is; its time is up after `timeout` seconds (exit code 124, as shells say it).

    It is in a process group of its own, so that a terminal's Ctrl-C reaches us and not the half of a deed.
    """
    environ = {key: value for key, value in os.environ.items() if key not in INHERITED}
    for role in ("AUTHOR", "COMMITTER"):
        environ |= {f"GIT_{role}_NAME": IDENTITY[0], f"GIT_{role}_EMAIL": IDENTITY[1]}
    environ |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(
            ["git", *settings, *arguments], cwd=folder, env=environ, stdin=pipe, stdout=pipe, stderr=pipe,
            process_group=0,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InfraError("git is not installed", "install git, then run `mlgate doctor`") from error
    try:
        out, err = child.communicate(stdin, timeout)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return Answer(124, b"", f"no answer within {timeout:.0f} s")
    lines = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    return Answer(child.returncode, out, " / ".join(lines[-5:]))


def tell(folder: Path, *arguments: str, stdin: bytes = b"") -> Answer:
    """Run git; InfraError with its own words where it fails."""
    answer = ask(folder, *arguments, stdin=stdin)
    if answer.code and "not a git repository" in answer.words:
        raise InfraError(f"{folder} is in no Git repository: {answer.words}", "run `git init` and commit first")
    if answer.code:
        mend = "check the disk, the rights of .git and `git fsck`, then run the same verb again"
        raise InfraError(f"`git {arguments[0]}` failed: {answer.words or answer.code}", mend)
    return answer


@functools.lru_cache(maxsize=64)
def common(folder: Path) -> Path:
    """The Git folder that all worktrees of the repository share."""
    return (folder / tell(folder, "rev-parse", "--git-common-dir").text).resolve()


def await_lock(path: Path) -> None:
    """Wait for another Git to give a lock back; one left behind by a Git that was killed has nobody, and is removed.

    Whoever calls is alone among the writers of what it guards.
    """
    until = time.monotonic() + STALE  # a clock set back would leave the file young for ever
    with contextlib.suppress(FileNotFoundError):
        while time.time() - path.stat().st_mtime < STALE and time.monotonic() < until:
            time.sleep(0.02)
        path.unlink()


def objects(folder: Path, names: Sequence[str]) -> list[tuple[str, bytes] | None]:
    """For each name (a ref, `COMMIT:file`, `COMMIT^{tree}`) its object's id and content, or None: one process."""
    found: list[tuple[str, bytes] | None] = []
    out, place = tell(folder, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode()).out, 0
    for _ in names:
        end = out.index(b"\n", place)
        row, place = out[place:end], end + 1
        header = re.fullmatch(rb"([0-9a-f]{40,64}) [a-z]+ ([0-9]+)", row)
        if header is None:  # "NAME missing"
            found.append(None)
            continue
        size = int(header[2])
        found.append((header[1].decode(), out[place : place + size]))
        place += size + 1
    return found


def build(folder: Path, base: str, files: Mapping[str, bytes | None], message: str, parent: str) -> Built:
    """Store a commit on `parent` (empty: a first one), of the tree `base` (empty: no file) with `files` put over it.

    A file of None is taken away. No branch is touched: what is built and not used is collected by Git in time.
    """
    text = message.encode("utf-8", "replace")
    who = f"{IDENTITY[0]} <{IDENTITY[1]}> {int(time.time())} +0000"
    parts = [f"commit {SCRATCH}\nmark :1\ncommitter {who}\ndata {len(text)}\n".encode(), text, b"\n"]
    parts += [f"from {parent}\n".encode()] * bool(parent)
    parts.append(f'M 040000 {base} ""\n'.encode() if base else b"deleteall\n")
    for name, content in sorted(files.items()):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
            raise InfraError(f"{name!r} is no file name for a ledger", "use letters, digits, dot, dash")
        if content is None:
            parts.append(f"D {name}\n".encode())
        else:
            parts += [f"M 100644 inline {name}\ndata {len(content)}\n".encode(), content, b"\n"]
    asked = f'get-mark :1\nls :1 ""\nreset {SCRATCH}\nfrom {nothing(folder, parent)}\n\ndone\n'
    stream = b"".join([*parts, asked.encode()])
    commit, row = tell(folder, "fast-import", "--quiet", "--done", "--date-format=raw", stdin=stream).text.splitlines()
    return Built(commit, row.split()[2])


def nothing(folder: Path, like: str) -> str:
    """The id that stands for no object, as long as `like` or as the repository's ids are."""
    if like:
        return "0" * len(like)
    return "0" * (64 if tell(folder, "rev-parse", "--show-object-format").text == "sha256" else 40)
