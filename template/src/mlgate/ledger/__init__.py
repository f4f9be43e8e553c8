"""Git is the ledger: the branch env/<environment> says what runs there, since when, from what and by whose word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.ledger.branch import Branch, Overtaken
from mlgate.packing.release import RECORD, Release
from mlgate.project import Project

ENVIRONMENTS = ("staging", "production")
RETRIES = 50  # a writer loses only to another that made it, so this many rivals must each have won once

__all__ = ["ENVIRONMENTS", "Entry", "Ledger", "Overtaken", "message", "release_trailers"]


@dataclass(frozen=True)
class Entry:
    """One commit of an environment; `release` is None where it emptied the environment or its record is damaged."""

    commit: str
    when: str
    subject: str
    release: Release | None
    trailers: dict[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Ledger:
    """Reads and writes the environment branches of a project's own repository."""

    project: Project

    def branch(self, env: str) -> Branch:
        if env not in ENVIRONMENTS:
            raise ConfigError(f"there is no environment {env[:40]!r}", f"choose one of {', '.join(ENVIRONMENTS)}")
        return Branch(self.project.root, f"env/{env}")

    def head(self, env: str) -> str:
        """The newest commit of the environment, or empty before the first deploy."""
        return self.branch(env).head()

    def read(self, env: str) -> Release | None:
        """The release that should run in `env`, or None; DataError where the record is damaged (never None)."""
        branch = self.branch(env)
        head = branch.head()
        return self._release(branch, head) if head else None

    def file(self, env: str, name: str) -> bytes | None:
        """A file beside the newest record (`holdout.parquet`, `model.json`), or None."""
        branch = self.branch(env)
        head = branch.head()
        return branch.file(head, name) if head else None

    def entries(self, env: str) -> list[Entry]:
        """The history of `env`, newest first, by order of commits."""
        branch, found = self.branch(env), []
        for commit in branch.log():
            try:
                release, problem = self._release(branch, commit.commit), ""
            except DataError as error:
                release, problem = None, str(error)
            found.append(Entry(commit.commit, commit.when, commit.subject, release, dict(commit.trailers), problem))
        return found

    def write(
        self,
        env: str,
        release: Release,
        files: Mapping[str, bytes],
        subject: str,
        trailers: Mapping[str, str],
        expected_parent: str | None = None,
    ) -> str:
        """Commit what should run in `env`; the same content at the head makes no commit.

        Parameters
        ----------
        expected_parent
            The head that the decision was made on (empty: no branch). None: any; races are retried, none is lost.

        Returns
        -------
        str
            The commit that now says so.

        Raises
        ------
        Overtaken
            If `expected_parent` is given and the branch has moved on.
        """
        branch = self.branch(env)
        tree = branch.write_tree({**files, RECORD: _record(release)})
        return self._add(branch, tree, message(subject, {**release_trailers(release), **trailers}), expected_parent)

    def restore(self, env: str, commit: str, subject: str, trailers: Mapping[str, str]) -> str:
        """Commit that brings back the content of an earlier `commit` of `env`: a rollback."""
        branch = self.branch(env)
        release = self._release(branch, commit)
        about = release_trailers(release) if release else {}
        text = message(subject, {**about, "Restores": commit, **trailers})
        return self._add(branch, branch.tree(commit), text, branch.head())

    def revert(self, env: str, commit: str, reason: str) -> str:
        """Undo `commit`, the newest of `env`, by a commit that brings back what stood before it.

        Raises
        ------
        Overtaken
            If `commit` is not the newest any more: then there is nothing of ours left to undo.
        """
        branch = self.branch(env)
        if branch.head() != commit:
            raise Overtaken(f"{branch.name} moved on from {commit[:12]}", f"see `mlgate history --env {env}`")
        log = branch.log()
        former = log[1].commit if len(log) > 1 else ""
        tree = branch.tree(former) if former else branch.write_tree({})
        release = self._release(branch, former) if former else None
        about = release_trailers(release) if release else {}
        text = message(f"revert({env}): {log[0].subject}", {**about, "Reverts": commit, "Reason": reason})
        return self._add(branch, tree, text, commit)

    def difference(self, env: str, release: Release) -> list[str]:
        """Lines of the change that `write` would make to the record; empty where there is none."""
        old = (self.file(env, RECORD) or b"").decode("utf-8", "replace").splitlines()
        new = _record(release).decode().splitlines()
        return list(difflib.unified_diff(old, new, f"env/{env} now", f"env/{env} then", lineterm="", n=1))

    def _release(self, branch: Branch, commit: str) -> Release | None:
        content = branch.file(commit, RECORD)
        if content is None:
            return None
        try:
            return Release.model_validate_json(content)
        except ValidationError as error:
            first, env = error.errors()[0], branch.name.removeprefix("env/")
            where = ".".join(map(str, first["loc"])) or "the text"
            raise DataError(
                f"{RECORD} in {branch.name} ({commit[:12]}) is damaged: {where}: {first['msg']}",
                f"`mlgate rollback --env {env}` restores the former one",
            ) from error

    def _add(self, branch: Branch, tree: str, text: str, expected: str | None) -> str:
        for _ in range(RETRIES):
            head = branch.head() if expected is None else expected
            if head and branch.tree(head) == tree and branch.head() == head:
                return head
            try:
                return branch.add(tree, text, head)
            except Overtaken:
                if expected is not None:
                    raise
        raise InfraError(f"the branch {branch.name} kept moving", "run the same verb again")


def _record(release: Release) -> bytes:
    return release.model_dump_json(indent=2).encode() + b"\n"


def release_trailers(release: Release) -> dict[str, str]:
    """What a commit says about the release that it names."""
    metrics = " ".join(f"{name}={found.value:.4g}" for name, found in sorted(release.metrics.items()))
    registered = f"(registry {release.model_version})" if release.model_version else ""
    return {
        "Image": release.image,
        "Source-Commit": release.source_commit,
        "Data-Version": release.data_digest,
        "Model-Version": " ".join(filter(None, (release.version, registered))),
        "Metrics": metrics,
    }


def message(subject: str, trailers: Mapping[str, str]) -> str:
    """A commit message; every value is one line, so that no name or reason can forge a trailer."""
    lines = [f"{key}: {_line(value)}" for key, value in trailers.items() if _line(value)]
    return "\n".join([_line(subject), "", *lines, ""])


def _line(text: str) -> str:
    return re.sub(r"[\s\x00-\x1f\x7f\u2028\u2029]+", " ", text).strip()[:500]
