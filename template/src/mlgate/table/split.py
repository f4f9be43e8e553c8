"""Which rows train and which judge: cut by time, or by a salted hash of the entity, the same on every machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlgate.errors import ConfigError, DataError
from mlgate.params import Params
from mlgate.table.row_hash import Hashes, hash_columns, hash_values, mix, numbered

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """Two masks over the rows of a snapshot, never both true, and what identifies them.

    A row may be in neither: within the gap before the cut, or with a label that had not arrived at the cut.
    """

    train: Mask
    holdout: Mask
    cut: datetime | None
    trained_until: datetime | None
    train_digest: str
    holdout_digest: str


def split(frame: pd.DataFrame, params: Params) -> Split:
    """Cut a snapshot into training rows and a holdout that is later in time, or made of other entities.

    With `data.time`, the holdout is the newest rows (`split.holdout` as a duration or a share), and training uses rows
    before the cut less `split.gap` whose label had arrived by the cut. Without it, an entity (`data.cluster`, else
    `data.id`, else the row's own inputs) falls on one side by its salted hash, and stays there as the data grow.

    Parameters
    ----------
    frame
        Labelled snapshot, n rows in any order.

    Returns
    -------
    Split
        Masks of shape (n,); digests do not depend on the order of the rows.

    Raises
    ------
    DataError
        If a column is missing, a time is null, or either side would be empty.
    ConfigError
        If `split` does not fit `data`: a duration without a time column.
    """
    _check_columns(frame, params)
    train, holdout, cut = _by_time(frame, params) if params.data.time else _by_hash(frame, params)
    for side, name in ((train, "training"), (holdout, "the holdout")):
        if not side.any():
            where = f"the cut is at {cut.isoformat()}" if cut else f"split.holdout is {params.split.holdout}"
            raise DataError(f"no rows for {name} out of {len(frame):,}: {where}", "ingest more data, or change split")
    return Split(
        train=train,
        holdout=holdout,
        cut=cut,
        trained_until=_times(frame, str(params.data.time))[train].max().to_pydatetime() if cut else None,
        train_digest=_digest(frame[train]),
        holdout_digest=_digest(frame[holdout]),
    )


def _check_columns(frame: pd.DataFrame, params: Params) -> None:
    for part in ("target", "id", "time", "label_time", "cluster"):
        name = getattr(params.data, part)
        if name is not None and name not in frame.columns:
            raise DataError(f"the data have no column {name!r}", f"correct data.{part} in params.yaml, or the data")
    if not len(frame):
        raise DataError("the data have no rows", "ingest a snapshot that has some")


def row_hashes(frame: pd.DataFrame, params: Params) -> Hashes:
    """What names a row wherever it stands: a hash of `data.id`, else of its inputs; shape (n,), no two the same.

    Rows that share it are numbered in the order of their targets, so that copies stay apart and order plays no part.
    """
    data = params.data
    names = [data.id] if data.id else _input_names(frame, params)
    ties = hash_columns(frame, sorted(map(str, frame.columns)))
    return numbered(hash_columns(frame, names), ties)


def cluster_hashes(frame: pd.DataFrame, params: Params) -> Hashes | None:
    """A hash of the entity of each row, shape (n,); None where rows are declared independent."""
    return hash_columns(frame, [params.data.cluster]) if params.data.cluster else None


def _by_time(frame: pd.DataFrame, params: Params) -> tuple[Mask, Mask, datetime]:
    times = _times(frame, str(params.data.time))
    holdout = params.split.holdout
    if isinstance(holdout, timedelta):
        cut = _end(times.max(), holdout) - holdout
    else:
        cut = times.sort_values(ignore_index=True)[int(np.floor((1 - holdout) * len(times)))]
    train = times < cut - (params.split.gap or timedelta(0))
    if params.data.label_time:
        train &= _times(frame, params.data.label_time, nulls=True) <= cut  # a null label has not arrived
    return train.to_numpy(), (times >= cut).to_numpy(), cut.to_pydatetime()


def _by_hash(frame: pd.DataFrame, params: Params) -> tuple[Mask, Mask, None]:
    share = params.split.holdout
    if isinstance(share, timedelta):
        raise ConfigError("split.holdout is a duration, but data.time is null", "write a share of rows, such as 0.2")
    data = params.data
    names = [data.cluster] if data.cluster else [data.id] if data.id else _input_names(frame, params)
    salt = hash_values(np.array([params.split.salt], dtype=object))
    bucket = mix(hash_columns(frame, names) ^ salt) / 2.0**64
    return bucket >= share, bucket < share, None


def _times(frame: pd.DataFrame, name: str, nulls: bool = False) -> pd.Series[Any]:
    times = frame[name]
    if not pd.api.types.is_datetime64_dtype(times.dtype):
        raise DataError(
            f"column {name!r} is {times.dtype}, not a time", "parse it in model/data.py, as UTC without zone"
        )
    if not nulls and times.isna().any():
        row = frame.index[times.isna()][0]
        raise DataError(
            f"column {name!r} is null in {times.isna().sum()} rows, first in row {row}", "drop or fill them"
        )
    return times


def _end(newest: pd.Timestamp, holdout: timedelta) -> pd.Timestamp:
    """The moment after the newest row, on the hour or at midnight where the holdout is in hours or days."""
    unit = next(unit for unit in ("D", "h", "min") if not holdout % timedelta(**{_WORDS[unit]: 1}))
    return (newest + timedelta(microseconds=1)).ceil(unit)


_WORDS = {"D": "days", "h": "hours", "min": "minutes"}


def _input_names(frame: pd.DataFrame, params: Params) -> list[str]:
    """Every column but those known only later: a corrected label must not move its row to the other side."""
    return sorted(str(name) for name in frame.columns if name not in (params.data.target, params.data.label_time))


def _digest(frame: pd.DataFrame) -> str:
    hashes = np.sort(hash_columns(frame, sorted(map(str, frame.columns))))
    return "sha256:" + hashlib.sha256(hashes.astype("<u8").tobytes()).hexdigest()
