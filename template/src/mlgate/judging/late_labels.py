"""Labels that came after the predictions: a table of identifiers and answers, joined by the pseudonym of each row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlgate.adopt import convert, numerals, source
from mlgate.adopt.names import safe_name
from mlgate.drift.decay import Decay, Reference, judge
from mlgate.errors import ConfigError, DataError
from mlgate.gates.metrics import find
from mlgate.packing.release import ModelCard, Release
from mlgate.params import Params
from mlgate.project import Project
from mlgate.serving.pseudonym import FILE, VARIABLE, pseudonym, read_key

BLOCK = 100_000  # labels that are worked on at once


def answers(
    parts: Iterable[tuple[pd.DataFrame, pd.DataFrame]], version: str, as_of: datetime | None = None
) -> pd.DataFrame:
    """What this version answered, each row once, as last answered: `moment`, `row` (hashed), and its scores in order.

    Numbers alone are kept, four for a prediction with one score: a log may hold millions.

    Parameters
    ----------
    parts
        As `prediction_read.parts` gives them. as_of : nothing that happened later, UTC without zone.
    """
    no_moment, no_row = pd.Series(dtype="datetime64[us]"), pd.Series(dtype="uint64")
    kept = [pd.DataFrame({"moment": no_moment, "row": no_row, "time": no_moment})]
    for head, values in parts:
        mine = (head["version"] == version) & head["row"].notna()
        moment = head["event_time"].fillna(head["time"])
        mine &= (moment < as_of) if as_of else True
        own = {"moment": moment[mine], "row": _hashed(head["row"][mine]), "time": head["time"][mine]}
        said = {name: values[name][mine] for name in map(str, values) if name == "score" or name.startswith("score_")}
        kept.append(pd.DataFrame(own | said))
    found = pd.concat(kept, ignore_index=True)
    kept.clear()
    if not found["time"].is_monotonic_increasing:
        found = found.sort_values("time", kind="stable", ignore_index=True)
    found = found.drop(columns="time")
    again = found["row"].duplicated(keep="last")
    return found[~again].reset_index(drop=True) if again.any() else found


def decay(project: Project, release: Release, card: ModelCard, said: pd.DataFrame, path: str) -> Decay:
    """What the labels in `path` say of the release's `answers`.

    Raises
    ------
    ConfigError
        If rows have no identifier, the key is not here, or the table has no such column.
    DataError
        If a label is none that the model knows, or an identifier has two.
    """
    params = project.params
    labels = read(path, params, card)
    key = _key(project)
    known = by_row(labels, key, path)
    joined = known.reindex(said["row"].to_numpy())
    y = joined["y"].to_numpy(np.float64)
    if len(said) and np.isnan(y).all():
        raise DataError(
            f"no label in {path} is of a prediction of {release.version}",
            f"give labels of rows that it answered, by {params.data.id}, and the key that their names were made with",
        )
    scores = said[[name for name in map(str, said) if name.startswith("score")]].to_numpy(np.float64)
    return judge(
        said["moment"],
        y,
        scores[:, 0] if scores.shape[1] == 1 else scores,
        joined["cluster"].fillna(-1).to_numpy(np.int64) if "cluster" in joined else None,
        pd.Timedelta(params.monitor.window),
        reference(release, params),
    )


def by_row(labels: pd.DataFrame, key: bytes, path: str) -> pd.DataFrame:
    """The labels as numbers under the hash of their row's name in the log: `y`, and the number of the `cluster`."""
    names = labels["id"]
    rows = _in_blocks(names, lambda part: _hashed(pd.Series([pseudonym(name, key) for name in part], dtype="str")))
    numbers = {"y": labels["y"].to_numpy()}
    if "cluster" in labels:
        numbers["cluster"] = pd.factorize(labels["cluster"])[0]
    known = pd.DataFrame(numbers, index=rows)
    if (again := known.index.duplicated()).any():
        name = names.iloc[int(again.argmax())]
        raise DataError(f"{path}: {name!r} is another way to write a row that has a label", "keep the one that holds")
    return known


def _in_blocks(cells: pd.Series[Any], work: Callable[[pd.Series[Any]], np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Numbers of text, a block at a time: as objects of their own, two million words take hundreds of megabytes."""
    return np.concatenate([work(cells.iloc[at : at + BLOCK]) for at in range(0, max(len(cells), 1), BLOCK)])


def _hashed(rows: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Names of rows as uint64: of ten million, two would be taken for one in three of a million logs."""
    return pd.util.hash_pandas_object(rows, index=False, categorize=False).to_numpy()


def reference(release: Release, params: Params) -> Reference:
    """What the release measured on its holdout."""
    name = params.gates.metric
    known = release.metrics.get(name)
    if known is None or known.low is None or known.high is None:
        mend = "package the model again, or choose the gates.metric that it was judged by"
        raise DataError(f"release {release.version} has no {name} with an interval", mend)
    metric = find(name, params.data.task)
    return Reference(metric, known.value, known.low, known.high, params.gates.champion.margin)


def read(path: str, params: Params, card: ModelCard) -> pd.DataFrame:
    """`id`, `y` (class number or value) and, where rows are clustered, `cluster`, a row for each label."""
    data = params.data
    if data.id is None:
        mend = "name the column in params.yaml, data.id (`mlgate adopt --id`), and release again"
        raise ConfigError("labels are joined by an identifier, and rows have none (data.id)", mend)
    with source.local(path) as file:
        raw = source.table(Path(file), None)
    wanted = {"id": data.id, "y": data.target} | ({"cluster": data.cluster} if data.cluster else {})
    raw = raw.rename(columns={name: safe_name(name) for name in map(str, raw) if name not in wanted.values()})
    for name in wanted.values():
        if name not in raw:
            raise ConfigError(f"{path} has no column {name!r}", source.suggest(name, [str(column) for column in raw]))
    raw = raw.loc[raw[data.target].notna(), list(dict.fromkeys(wanted.values()))].reset_index(drop=True)
    made = pd.DataFrame({name: convert.text(raw[column]) for name, column in wanted.items()})
    made["y"] = _numbers(made["y"], params, card)
    again = pd.Series(_in_blocks(made["id"], _hashed), index=made.index).duplicated(keep=False)
    repeated = made[again].drop_duplicates()
    made = pd.concat([made[~again], repeated]) if again.any() else made
    if repeated["id"].duplicated().any():
        row = int(repeated.index[repeated["id"].duplicated()][0]) + 1
        raise DataError(f"{path}, row {row}: another label for a row that has one", "keep the one that holds")
    return made


def _numbers(words: pd.Series[Any], params: Params, card: ModelCard) -> pd.Series[Any]:
    """The labels as numbers; one that is none is an error, as it would be taken for a label that has not come yet."""
    if params.data.task == "regression":
        numbers = convert.numbers(words, ".", numerals.form_of(words, "."))
        what, mend = "is no number", "correct it, or leave the cell empty"
    else:
        known = {str(label): float(number) for number, label in enumerate(card.classes)}
        numbers = pd.Series(_in_blocks(words, lambda part: part.map(known).to_numpy(np.float64)), index=words.index)
        what, mend = "is no class of the model", f"it knows {', '.join(map(repr, card.classes[:6]))}"
    wrong = ~np.isfinite(numbers.to_numpy(np.float64))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"label {words[row][:60]!r} in row {row + 1} {what}", mend)
    return numbers


def _key(project: Project) -> bytes:
    """The key by which the service named the rows; it is not made here, as a new one joins nothing."""
    if not os.environ.get(VARIABLE) and not (project.state / FILE).is_file():
        mend = f"set {VARIABLE} to the service's key, or monitor where it runs"
        raise ConfigError("the key of the rows' pseudonyms is not on this machine", mend)
    return read_key(project.state)
