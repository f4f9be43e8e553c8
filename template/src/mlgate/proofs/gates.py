"""Bad models and bad holdouts for every gate of `evaluate`, made from the project's own holdout."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlgate.errors import MlgateError
from mlgate.files import write_atomic
from mlgate.gates.champion import champion_gate
from mlgate.gates.floor import floor_gate
from mlgate.gates.metrics import find
from mlgate.gates.power import power_check
from mlgate.judging import holdout
from mlgate.judging.champion_rules import require_unseen
from mlgate.judging.holdout import Holdout
from mlgate.judging.own_scores import require_own_scores
from mlgate.packing.release import ModelCard, Release, read_card, version_of
from mlgate.project import Project
from mlgate.proofs.proof import Proof
from mlgate.report import Check
from mlgate.versions.snapshot import encode

Run = Callable[[], Check]


def proofs(project: Project, scratch: Path) -> dict[str, Proof]:
    """A proof for each gate; `scratch` is an empty folder that the caller removes."""
    card = read_card(project.models)
    rows = holdout.read(project, card)
    return {
        "holdout": _holdout(project, card, scratch),
        "floor": _floor(project, rows),
        "power": _power(project, rows),
        "champion": _champion(project, rows),
        "champion-holdout": _unseen(project, card, rows),
    }


def _checked(name: str, run: Callable[[], object]) -> Check:
    """A check from code that raises when it refuses."""
    try:
        return Check(id=name, title=name, status="pass", evidence=str(run() or ""))
    except MlgateError as error:
        return Check(id=name, title=name, status="fail", evidence=str(error), mend=error.mend)


def _shuffled(rows: Holdout) -> Any:
    """The model's own scores, each given to another row."""
    return rows.s[np.random.default_rng(0).permutation(len(rows.s))]


def _not_a_number(rows: Holdout) -> Any:
    scores = np.array(rows.s, dtype=np.float64)
    scores[len(scores) // 2] = np.nan
    return scores


def _floor(project: Project, rows: Holdout) -> Proof:
    gates = project.params.gates
    metric = find(gates.metric, project.params.data.task)

    def gate(y: Any, s: Any, clusters: Any) -> Run:
        return lambda: floor_gate(y, s, clusters, metric, gates.floor.threshold, gates.floor.confidence)

    few = slice(0, 20)
    groups = None if rows.clusters is None else rows.clusters
    bad = {
        "scores shuffled": gate(rows.y, _shuffled(rows), groups),
        "a score that is no number": gate(rows.y, _not_a_number(rows), groups),
        "no rows": gate(rows.y[:0], rows.s[:0], None if groups is None else groups[:0]),
        "twenty rows": gate(rows.y[few], rows.s[few], None if groups is None else groups[few]),
    }
    if project.params.data.task != "regression":
        one = rows.y == rows.y[0]
        bad["one class"] = gate(rows.y[one], rows.s[one], None if groups is None else groups[one])
    return Proof(gate(rows.y, rows.s, groups), bad)


def _power(project: Project, rows: Holdout) -> Proof:
    gates = project.params.gates
    metric = find(gates.metric, project.params.data.task)

    def gate(margin: float) -> Run:
        return lambda: power_check(rows.y, rows.s, rows.clusters, metric, margin, gates.champion.confidence)

    return Proof(gate(gates.champion.margin), {"a margin that cannot be seen": gate(gates.champion.margin / 1000)})


def _champion(project: Project, rows: Holdout) -> Proof:
    gates = project.params.gates
    metric = find(gates.metric, project.params.data.task)

    def gate(challenger: Any, champion: Any) -> Run:
        margin, confidence = gates.champion.margin, gates.champion.confidence
        return lambda: champion_gate(rows.y, challenger, champion, rows.clusters, metric, margin, confidence)

    bad = {
        "scores shuffled": gate(_shuffled(rows), rows.s),
        "a score that is no number": gate(_not_a_number(rows), rows.s),
        "a champion's score that is no number": gate(rows.s, _not_a_number(rows)),
        "a champion with fewer rows": gate(rows.s, rows.s[:-1]),
    }
    return Proof(gate(rows.s, rows.s), bad)


def _holdout(project: Project, card: ModelCard, scratch: Path) -> Proof:
    frame = pd.read_parquet(project.models / "holdout.parquet")

    def read(changed: pd.DataFrame, name: str) -> Run:
        def run() -> Check:
            copy = _copy(project, scratch / name)
            write_atomic(copy.models / "holdout.parquet", encode(changed))
            return _checked("holdout", lambda: require_own_scores(copy, card, holdout.read(copy, card)))

        return run

    last = frame["target"].iloc[-1]
    other = frame["target"][frame["target"] != last].iloc[0]
    flipped = frame["target"].copy()
    flipped.iloc[-1] = other
    score = next(str(name) for name in frame.columns if str(name).startswith("score"))
    made_up = frame[score].copy()
    made_up.iloc[0] += 0.01
    bad = {
        "a target changed": read(frame.assign(target=flipped), "flipped"),
        "a row left out": read(frame.iloc[:-1], "short"),
        "a score made up": read(frame.assign(**{score: made_up}), "made-up"),
        "another row in its place": read(frame.assign(row_hash=frame["row_hash"].to_numpy()[::-1]), "moved"),
    }
    return Proof(read(frame, "good"), bad)


def _copy(project: Project, folder: Path) -> Project:
    """What `holdout.read` looks at, in a folder of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    shutil.copy(project.root / "params.yaml", folder)
    for name in ("raw.parquet", "split.json"):
        shutil.copy(project.root / "data" / name, folder / "data")
    shutil.copytree(project.models, folder / "models")
    return Project(folder)


def _unseen(project: Project, card: ModelCard, rows: Holdout) -> Proof:
    def compare(champion: Release) -> Run:
        return lambda: _checked("champion-holdout", lambda: require_unseen(project, card, champion, rows))

    good = _release(card)
    if rows.times is None:
        reason = "rows without time are held out by hash: the same rules hold out the same rows"
        return Proof(compare(good), {}, unless=reason)
    newest = pd.Timestamp(rows.times.max()) - timedelta(seconds=1)
    bad = {
        "a champion trained on the holdout": compare(_until(good, newest.isoformat())),
        "a champion of unknown training": compare(_until(good, None)),
    }
    return Proof(compare(good), bad)


def _until(release: Release, until: str | None) -> Release:
    """The same release, as if its training had ended at `until`."""
    return release.model_copy(update={"trained_until": until, "holdout_digest": "sha256:" + "0" * 64})


def _release(card: ModelCard) -> Release:
    """A champion that is this very model."""
    return Release(
        model=card.model,
        version=version_of(card.digest),
        image="sha256:" + "0" * 64,
        source_commit="0" * 40,
        data_digest=card.data_digest,
        model_digest=card.digest,
        holdout_digest=card.holdout_digest,
        holdout_rows=card.holdout_rows,
        trained_until=card.trained_until,
        built=datetime.now(UTC),
    )
