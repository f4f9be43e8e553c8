"""From any digest of a release to where and when it ran: what every environment's branch has ever named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlgate.errors import DataError
from mlgate.ledger.entry import Entry
from mlgate.packing.release import Release

LEAST = 6  # digits that name something


@dataclass(frozen=True)
class Stay:
    """How long an environment named a release: from one commit to the next that named another, or until now."""

    environment: str
    first: Entry
    last: Entry | None


@dataclass(frozen=True)
class Line:
    """A release that was asked for, and everywhere it ran, oldest first."""

    release: Release
    stays: tuple[Stay, ...]


def trace(histories: Mapping[str, Sequence[Entry]], wanted: str) -> list[Line]:
    """The releases that `wanted` names: several only where they share what it names, the same data for example.

    Parameters
    ----------
    histories
        The entries of each environment, newest first.
    wanted
        A digest (of the image, the Bento, the model, the data), a version, a source or ledger commit, or the start of
        one; `REPOSITORY@sha256:…` as well.

    Raises
    ------
    DataError
        If nothing has that name, or the start of it names several things.
    """
    prefix = wanted.strip().lower().rpartition("@")[2].removeprefix("sha256:")
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST},64}}", prefix):
        raise DataError(f"{wanted[:80]!r} is no digest", f"give at least {LEAST} digits of 0-9 a-f; `mlgate history`")
    hits: dict[str, str] = {}
    releases: dict[str, Release] = {}
    for entries in histories.values():
        for entry in entries:
            for kind, value in _names(entry):
                if value.startswith(prefix) and entry.release:
                    hits.setdefault(value, kind)
                    releases[entry.release.image] = entry.release
    if not hits:
        mend = "`mlgate history --env production` lists what there is; --remote NAME asks another repository"
        raise DataError(f"no environment ever named {wanted[:80]}", mend)
    if len(hits) > 1:
        several = ", ".join(f"{kind} {value[:16]}" for value, kind in sorted(hits.items()))
        raise DataError(f"{wanted[:80]} names several things: {several}", "give more digits")
    stays = _stays(histories)
    return [Line(release, tuple(stays[release.image])) for release in releases.values()]


def _names(entry: Entry) -> Iterator[tuple[str, str]]:
    """What a commit of the ledger can be asked by."""
    yield "ledger commit", entry.commit
    if release := entry.release:
        yield "image", release.image.removeprefix("sha256:")
        yield "model", release.model_digest.removeprefix("sha256:")
        yield "data", release.data_digest.removeprefix("sha256:")
        yield "source commit", release.source_commit
        if release.container:
            yield "container", release.container.rpartition(":")[2]


def _stays(histories: Mapping[str, Sequence[Entry]]) -> dict[str, list[Stay]]:
    """By image, oldest first; one pass over each history, as data may lead to thousands of releases."""
    found: dict[str, list[Stay]] = {}
    for environment, entries in histories.items():
        first, image = None, ""
        for entry in reversed(entries):
            now = entry.release.image if entry.release else ""
            if now == image:
                continue
            if first is not None:
                found.setdefault(image, []).append(Stay(environment, first, entry))
            first, image = entry if now else None, now
        if first is not None:
            found.setdefault(image, []).append(Stay(environment, first, None))
    return found
