"""A commit of an environment as people and gates read it: which release, since when, by whose word."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field

from pydantic import ValidationError

from mlgate.errors import DataError
from mlgate.ledger.branch import Branch
from mlgate.ledger.plumbing import objects
from mlgate.packing.release import RECORD, Release


class NewerRecordError(DataError):
    """A record of a version that this code does not know: whole, and not ours to replace."""


@dataclass(frozen=True)
class Entry:
    """One commit of an environment; `release` is None where it emptied the environment or its record is damaged."""

    commit: str
    when: str
    subject: str
    release: Release | None
    trailers: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def stands(self) -> bool:
        """Whether it changed nothing of what runs: a freeze, or its end."""
        return "Freeze" in self.trailers


def entries(branch: Branch) -> list[Entry]:
    """The history of a branch, newest first, by order of commits; what a head leads to is read once."""
    return list(_entries(branch, head)) if (head := branch.head()) else []


@functools.lru_cache(maxsize=8)
def _entries(branch: Branch, head: str) -> tuple[Entry, ...]:
    commits = branch.log(head)
    records = objects(branch.folder, [f"{commit.commit}:{RECORD}" for commit in commits])
    found = []
    for commit, record in zip(commits, records, strict=True):
        try:
            release, problem = parse(record[1] if record else None, branch.name, commit.commit), ""
        except DataError as error:
            release, problem = None, str(error)
        found.append(Entry(commit.commit, commit.when, commit.subject, release, dict(commit.trailers), problem))
    return tuple(found)


def parse(content: bytes | None, name: str, commit: str) -> Release | None:
    """The release that a record names, None where there is no record.

    Raises
    ------
    DataError
        If it is no record, or one of a version that this code does not know.
    """
    if content is None:
        return None
    where, env = f"{RECORD} in {name} ({commit[:12]})", name.removeprefix("env/")
    known = Release.model_fields["schema_version"].default
    if (version := _version(content)) not in (None, known):
        raise NewerRecordError(
            f"{where} has schema_version {version!r:.40}, and this mlgate reads {known}: a newer one wrote it",
            f"bring this repository up to date with its template (`cruft update`), or `mlgate rollback --env {env}`",
        )
    try:
        return Release.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the text"
        mend = f"`mlgate rollback --env {env}` restores the former one"
        raise DataError(f"{where} is damaged: {key}: {first['msg']}", mend) from error


def _version(content: bytes) -> object:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return said.get("schema_version") if isinstance(said, dict) else None
