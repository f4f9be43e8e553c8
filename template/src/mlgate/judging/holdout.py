"""The rows that judge a model: read from `models/`, and believed only if the data version gives the same ones again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlgate.errors import DataError
from mlgate.files import digest
from mlgate.packing.release import ModelCard
from mlgate.project import Project
from mlgate.table import targets
from mlgate.table.split import Split, cluster_hashes, row_hashes, split
from mlgate.versions import snapshot

Array = npt.NDArray[Any]
MEND = (
    "run `mlgate validate`, then `mlgate train`; if it stays, restore data/ and models/ with `git` and `dvc checkout`"
)


@dataclass(frozen=True)
class Holdout:
    """What the gates need of n rows.

    Attributes
    ----------
    hashes : (n,) uint64, which row it is; positions : (n,) int, where it stands in data/raw.parquet
    y : (n,) targets as numbers; s : (n,) or (n, classes) scores of the challenger
    clusters : (n,) uint64, or None where rows are declared independent
    times : (n,) datetime64, or None without a time column
    """

    hashes: Array
    positions: Array
    y: Array
    s: Array
    clusters: Array | None
    times: Array | None


def scores_of(frame: pd.DataFrame, who: str) -> Array:
    """Scores in a frame with `score`, or `score_0` … `score_{k-1}`; DataError where there are none."""
    if "score" in frame:
        return frame["score"].to_numpy()
    names = [f"score_{number}" for number in range(sum(str(name).startswith("score_") for name in frame.columns))]
    if not names or not set(names) <= set(frame.columns):
        raise DataError(f"the holdout of {who} has no scores", "run `mlgate train` again, or deploy it again")
    return frame[names].to_numpy()


def read(project: Project, card: ModelCard) -> Holdout:
    """The holdout in `models/`, compared row by row with the one that data/raw.parquet and `split` give.

    Raises
    ------
    DataError
        If data, split, model and holdout do not belong together, a row was left out, added or changed, or a training
        row is among them; says which.
    """
    params = project.params
    frame = snapshot.read(project.raw, params)
    parts = split(frame, params)
    _digests(project, card, parts)
    found = _stored(project)
    hashes = row_hashes(frame, params)
    shared = np.isin(found["row_hash"].to_numpy(dtype=np.uint64), hashes[parts.train])
    if shared.any():
        raise DataError(
            f"{int(shared.sum()):,} rows of the holdout are training rows, first row {shared.argmax()}", MEND
        )
    clusters = cluster_hashes(frame, params)
    y = targets.encode(frame, params, targets.classes(frame, params))[parts.holdout]
    _same("row_hash", found, hashes[parts.holdout])
    _same("target", found, y)
    if clusters is not None:
        _same("cluster", found, clusters[parts.holdout])
    times = frame.loc[parts.holdout, params.data.time].to_numpy() if params.data.time else None
    return Holdout(
        hashes=hashes[parts.holdout],
        positions=np.flatnonzero(parts.holdout),
        y=y,
        s=scores_of(found, "this model"),
        clusters=None if clusters is None else clusters[parts.holdout],
        times=times,
    )


def _digests(project: Project, card: ModelCard, parts: Split) -> None:
    path = project.root / "data" / "split.json"
    try:
        said = json.loads(path.read_bytes())
        frozen = {name: said[name] for name in ("holdout_digest", "data_digest")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is missing or damaged", "run `mlgate validate`") from error
    raw = digest(project.raw)
    for name, said_here, wanted in (
        ("data/split.json was made from another data/raw.parquet", frozen["data_digest"], raw),
        ("models/ was trained on another data/raw.parquet", card.data_digest, raw),
        ("data/split.json names another holdout than the data give", frozen["holdout_digest"], parts.holdout_digest),
        ("models/ was made with another holdout than the data give", card.holdout_digest, parts.holdout_digest),
        ("models/ was trained on other rows than the data give", card.train_digest, parts.train_digest),
    ):
        if said_here != wanted:
            raise DataError(f"{name} ({str(said_here)[:19]} against {wanted[:19]})", MEND)


def _stored(project: Project) -> pd.DataFrame:
    path = project.models / "holdout.parquet"
    if path.is_symlink() or not path.is_file():
        raise DataError(f"{path} is missing or a symlink", "run `mlgate train`")
    frame = snapshot.read(path, project.params)
    missing = {"row_hash", "target", "cluster"} - set(frame.columns)
    if missing:
        raise DataError(f"{path} lacks the columns {', '.join(sorted(missing))}", "run `mlgate train`")
    return frame


def _same(name: str, found: pd.DataFrame, wanted: Array) -> None:
    """Refuse a column of the stored holdout that is not what the data give."""
    stored = found[name]
    if len(stored) != len(wanted):
        raise DataError(f"models/holdout.parquet has {len(stored):,} rows, the data give {len(wanted):,}", MEND)
    values = stored.to_numpy()
    wrong = (values != wanted) if values.dtype.kind == wanted.dtype.kind else np.ones(len(wanted), dtype=bool)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"models/holdout.parquet: {name} of row {row} is not that of the data ({wrong.sum():,} rows)", MEND
        )
