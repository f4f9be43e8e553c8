"""Git is the ledger: the branch env/<environment> says what runs there, since when, from what and by whose word."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from mlgate.errors import ConfigError, DataError
from mlgate.ledger.branch import Branch, Now, Overtaken
from mlgate.ledger.entry import Entry, entries, parse
from mlgate.ledger.freeze import FREEZE, require_thawed
from mlgate.ledger.landing import Guard, Written, land, overtaken
from mlgate.ledger.message import approver, message, release_trailers, run_url, trailers
from mlgate.ledger.past import Rewritten
from mlgate.ledger.plumbing import objects
from mlgate.ledger.remote import RemoteBranch, known
from mlgate.packing.release import RECORD, Release
from mlgate.project import Project

ENVIRONMENTS = ("staging", "production")
CARRIED = ("holdout.parquet", "model.json", "profile.json", "contract.json")  # with a release to the next environment

__all__ = [
    "CARRIED", "ENVIRONMENTS", "FREEZE", "Entry", "Ledger", "Now", "Overtaken", "Rewritten", "Written", "approver",
    "message", "release_trailers", "run_url", "trailers",
]  # fmt: skip


@dataclass(frozen=True)
class Ledger:
    """Reads and writes the environment branches: those of the project's remote, or, without one, its own."""

    project: Project

    def branch(self, env: str) -> Branch:
        """The environment's branch; one at a remote was asked how it stands, once in the life of `project`."""
        if env not in ENVIRONMENTS:
            raise ConfigError(f"there is no environment {env[:40]!r}", f"choose one of {', '.join(ENVIRONMENTS)}")
        branch = self._branch(env)
        if branch.name not in self.project.fetched:
            branch.sync()
            self.project.fetched.add(branch.name)
        return branch

    def _branch(self, env: str) -> Branch:
        name, root, remote = f"env/{env}", self.project.root, self.project.remote
        return RemoteBranch(root, name, known(root, remote)) if remote else Branch(root, name)

    def accept(self, env: str) -> list[str]:
        """Take a rewritten branch for what it is from now on; lines about the commits that this gives up."""
        gone = self._branch(env).accept()
        self.project.fetched.add(f"env/{env}")
        return gone

    def head(self, env: str) -> str:
        """The newest commit of the environment, or empty before the first deploy."""
        return self.branch(env).head()

    def read(self, env: str) -> Release | None:
        """The release that should run in `env`, or None; DataError where the record is damaged (never None)."""
        branch = self.branch(env)
        now = branch.now(RECORD)
        return parse(now.files[RECORD], branch.name, now.head)

    def file(self, env: str, name: str) -> bytes | None:
        """A file beside the newest record (`holdout.parquet`, `model.json`), or None."""
        return self.branch(env).now(name).files[name]

    def files(self, env: str, names: tuple[str, ...]) -> dict[str, bytes]:
        """Those of the named files that lie beside the newest record."""
        found = self.branch(env).now(*names).files
        return {name: content for name, content in found.items() if content is not None}

    def beside(self, env: str, commit: str) -> dict[str, bytes | None]:
        """The files that travel with the release of a commit of `env`, None for those that it lacks."""
        found = objects(self.branch(env).folder, [f"{commit}:{name}" for name in CARRIED])
        return {name: one[1] if one else None for name, one in zip(CARRIED, found, strict=True)}

    def entries(self, env: str) -> list[Entry]:
        """The history of `env`, newest first, by order of commits."""
        return entries(self.branch(env))

    def write(
        self,
        env: str,
        release: Release,
        files: Mapping[str, bytes],
        subject: str,
        trailers: Mapping[str, str],
        expected_parent: str | None = None,
        guard: Guard | None = None,
    ) -> Written:
        """Commit what should run in `env`; the same content at the head makes no commit.

        Parameters
        ----------
        expected_parent
            The head that the decision was made on (empty: no branch). None: any; races are retried, none is lost.
        guard
            Asked anew before each try whether the branch, as it stands then, still allows this.

        Raises
        ------
        Overtaken
            If `expected_parent` is given and the branch has moved on.
        DataError
            If the environment is frozen.
        """

        def allowed(now: Now) -> None:
            _require_open(env, now, guard)

        content = {**files, RECORD: _record(release)}
        text = message(subject, {**release_trailers(release), **trailers})
        return land(self.branch(env), lambda now: ("", content), text, expected_parent, allowed)

    def require_open(self, env: str, guard: Guard | None = None) -> None:
        """Raise what `write` would raise now, as the environment is frozen or `guard` forbids it; write nothing."""
        _require_open(env, self.branch(env).now(RECORD, FREEZE), guard)

    def restore(
        self, env: str, commit: str, subject: str, trailers: Mapping[str, str], expected_parent: str | None = None
    ) -> Written:
        """Commit that brings back the content of an earlier `commit` of `env`: a rollback; a freeze stays."""
        branch = self.branch(env)
        record, tree = objects(self.project.root, [f"{commit}:{RECORD}", f"{commit}^{{tree}}"])
        release = parse(record[1] if record else None, branch.name, commit)
        about = release_trailers(release) if release else {}
        text = message(subject, {**about, "Restores": commit, **trailers})
        return land(self.branch(env), lambda now: (tree[0] if tree else "", _frozen(now)), text, expected_parent)

    def revert(self, env: str, commit: str, reason: str) -> Written:
        """Undo `commit`, whose release still stands in `env`, by a commit that brings back what stood before it.

        Raises
        ------
        Overtaken
            If another release came after it: then there is nothing of ours left to undo.
        """
        branch, root = self.branch(env), self.project.root
        ours, former, tree, record, text = objects(
            root, [f"{commit}:{RECORD}", f"{commit}^", f"{commit}^^{{tree}}", f"{commit}^:{RECORD}", commit]
        )
        about: dict[str, str] = {}
        with contextlib.suppress(DataError):  # a damaged record comes back as it was: ours has to go all the same
            release = parse(record[1] if record and former else None, branch.name, former[0] if former else "")
            about = release_trailers(release) if release else {}
        first = text[1].decode("utf-8", "replace").partition("\n\n")[2].partition("\n")[0] if text else ""

        def still_ours(now: Now) -> None:
            if now.files[RECORD] != (ours[1] if ours else None):
                raise Overtaken(f"{branch.name} moved on from {commit[:12]}", f"see `mlgate history --env {env}`")

        words = message(f"revert({env}): {first}", {**about, "Reverts": commit, "Reason": reason})
        return land(self.branch(env), lambda now: (tree[0] if tree else "", _frozen(now)), words, None, still_ours)

    def require_head(self, env: str, commit: str) -> None:
        """Raise Overtaken if `env` is not at `commit` any more, as it stands in this moment."""
        branch = self._branch(env)
        branch.sync()
        if (head := branch.head()) != commit:
            raise overtaken(branch, head)

    def mark(self, env: str, files: Mapping[str, bytes | None], subject: str, trailers: Mapping[str, str]) -> Written:
        """Commit that leaves the release as it is and puts or removes (None) files beside it."""
        return land(self.branch(env), lambda now: (now.tree, dict(files)), message(subject, trailers), None)

    def difference(self, env: str, release: Release) -> list[str]:
        """Lines of the change that `write` would make to the record; empty where there is none."""
        old = (self.file(env, RECORD) or b"").decode("utf-8", "replace").splitlines()
        new = _record(release).decode().splitlines()
        return list(difflib.unified_diff(old, new, f"env/{env} now", f"env/{env} then", lineterm="", n=1))


def _require_open(env: str, now: Now, guard: Guard | None) -> None:
    require_thawed(env, now)
    if guard:
        guard(now)


def _frozen(now: Now) -> dict[str, bytes | None]:
    return {FREEZE: now.files[FREEZE]}


def _record(release: Release) -> bytes:
    return release.model_dump_json(indent=2).encode() + b"\n"
