"""What live traffic of an environment shows of a release: its log, its profile in the ledger, and labels that came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import pandas as pd

from mlgate.drift.decay import Decay
from mlgate.drift.decision import decayed
from mlgate.drift.look import look
from mlgate.drift.profile import Profile
from mlgate.drift.traffic import Traffic
from mlgate.drift.view import View
from mlgate.errors import DataError, InfraError, TooEarlyError
from mlgate.judging import late_labels
from mlgate.ledger import Ledger
from mlgate.packing.release import ModelCard, Release
from mlgate.project import Project
from mlgate.serving.prediction_read import parts
from mlgate.serving.prediction_source import files, here


def view(
    project: Project, environment: str, release: Release, as_of: datetime | None = None, labels: str | None = None
) -> View:
    """Judge the last windows of the environment's log, read part by part, and what labels say of them.

    Parameters
    ----------
    as_of
        Nothing that happened later counts, UTC without zone. labels : a table of them, else `monitor.labels`.

    Raises
    ------
    TooEarlyError
        If there are no predictions, or no complete window of them.
    InfraError
        If the release's profile is not on this machine, or the log can't be read.
    """
    if next(_log(project, environment), None) is None:
        raise _unanswered(environment)
    monitor = project.params.monitor
    traffic = Traffic(_profile(project, environment, release), release.version, monitor, as_of)
    since = traffic.since if monitor.clock == "wall" else None  # an event may be older than the day it was answered on
    for head, values in _log(project, environment, since):
        traffic.add(head, values)
    if traffic.newest is None:
        raise _unanswered(environment)
    return _decayed(project, release, look(environment, traffic), labels, as_of)


def _unanswered(environment: str) -> TooEarlyError:
    mend = f"send it traffic: `mlgate replay --env {environment}`"
    return TooEarlyError(f"{environment} has answered no prediction yet", mend)


def _profile(project: Project, environment: str, release: Release) -> Profile:
    """The reference that travels with the release: in the ledger, or, where an older one lacks it, on this machine."""
    kept = Ledger(project).file(environment, "profile.json")
    if kept is not None:
        return Profile.from_json(kept)
    path = project.state / "releases" / release.hex / "src" / "artifacts" / "profile.json"
    if not path.is_file():
        raise InfraError(
            f"the ledger keeps no profile.json, and release {release.version} is not on this machine",
            f"check out {release.source_commit[:12]} and run `mlgate package`, or monitor where it was built",
        )
    return Profile.from_json(path.read_bytes())


def _log(
    project: Project, environment: str, since: datetime | None = None
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    source = project.params.monitor.source
    folder = project.environment_state(environment) / "predictions"
    return parts(files(source, environment, since) if source else here(folder, since))


def _decayed(project: Project, release: Release, seen: View, labels: str | None, as_of: datetime | None) -> View:
    """The view with what labels say, where there are any."""
    path = labels or (project.params.monitor.labels or "").replace("{environment}", seen.environment)
    if not path:
        return seen
    content = Ledger(project).file(seen.environment, "model.json")
    if content is None:
        raise InfraError("the ledger keeps no model.json for this release", "deploy it again, then monitor")
    found = _labelled(project, seen.environment, release, content, path, as_of)
    if not found.alarm:
        return replace(seen, decay=found)
    former = _good_former(project, seen.environment, release, path, as_of) if found.from_the_start else ""
    return replace(seen, decay=found, decision=decayed(seen.decision, found.reason, former))


def _labelled(project: Project, env: str, release: Release, card: bytes, path: str, as_of: datetime | None) -> Decay:
    answers = late_labels.answers(_log(project, env), release.version, as_of)
    return late_labels.decay(project, release, ModelCard.model_validate_json(card), answers, path)


def _good_former(project: Project, env: str, release: Release, path: str, as_of: datetime | None) -> str:
    """The version of the release before, if labels say that it was as on its holdout; empty where they don't tell."""
    ledger = Ledger(project)
    for entry in ledger.entries(env):
        if entry.release is None or entry.release.image == release.image:
            continue
        card = ledger.beside(env, entry.commit)["model.json"]
        with suppress(DataError):  # none of its predictions has a label
            if card is not None and _labelled(project, env, entry.release, card, path, as_of).good:
                return entry.release.version
        return ""
    return ""
