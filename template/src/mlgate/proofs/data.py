"""Bad data for every data check, made from the project's own snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlgate.errors import MlgateError
from mlgate.proofs.proof import Proof
from mlgate.quality import CHECKS, Context, judge_one
from mlgate.report import Check
from mlgate.table import roles, targets
from mlgate.table.split import Split, split

Input = tuple[pd.DataFrame, Context]
Spoil = Callable[[pd.DataFrame, Context], Input]
NO_COLUMN = "no-such-column"


def proofs(frame: pd.DataFrame, context: Context, scratch: Path) -> dict[str, Proof]:
    """A proof for each data check that has bad input here; a check that is missing is found by `prove`."""
    found: dict[str, Proof] = {}
    for name, spoils in {"source": {"a symlink": _a_symlink_in(scratch / "linked")}, **_SPOILS}.items():
        reason = _unless(name, context)
        bad = {label: _run(name, spoil, frame, context) for label, spoil in spoils.items()}
        good = frame, _checked(name, context)
        found[name] = Proof(_run(name, lambda *_, good=good: good, frame, context), bad, reason)
    return found


def _run(name: str, spoil: Spoil, frame: pd.DataFrame, context: Context) -> Callable[[], Check]:
    def run() -> Check:
        spoiled, changed = spoil(frame, replace(context, _inputs=None))
        if name == "source":
            return CHECKS[name](spoiled, changed)
        return judge_one(name, spoiled, changed)

    return run


def _unless(name: str, context: Context) -> str:
    if name == "freshness" and context.params.data.time is None:
        return "the rows have no time column (data.time)"
    return ""


def _checked(name: str, context: Context) -> Context:
    """The context in which the good input is judged: a check that is switched off is switched on."""
    return context


def _with(context: Context, section: str, **changed: Any) -> Context:
    """The context with other parameters."""
    params = context.params
    part = getattr(params, section).model_copy(update=changed)
    return replace(context, params=params.model_copy(update={section: part}), _inputs=None)


def _a_symlink_in(folder: Path) -> Spoil:
    def spoil(frame: pd.DataFrame, context: Context) -> Input:
        folder.mkdir()
        link = folder / "raw.parquet"
        link.symlink_to(context.source or Path(__file__))
        return frame, replace(context, source=link)

    return spoil


def _a_column_dropped(frame: pd.DataFrame, context: Context) -> Input:
    return frame.drop(columns=[_contract_column(context)]), context


def _a_column_added(frame: pd.DataFrame, context: Context) -> Input:
    return frame.assign(**{NO_COLUMN: 1}), context


def _a_column_twice(frame: pd.DataFrame, context: Context) -> Input:
    return pd.concat([frame, frame[[_contract_column(context)]]], axis=1), context


def _a_value_of_another_type(frame: pd.DataFrame, context: Context) -> Input:
    names = [str(name) for name in frame.columns]
    name = next((n for n in names if pd.api.types.is_numeric_dtype(frame[n].dtype)), names[0])
    values = frame[name].astype(object)
    values.iloc[0] = "not a number" if pd.api.types.is_numeric_dtype(frame[name].dtype) else ["a list"]
    return frame.assign(**{name: values}), context


def _an_empty_column(frame: pd.DataFrame, context: Context) -> Input:
    return frame.assign(**{_contract_column(context): None}), context


def _infinity(frame: pd.DataFrame, context: Context) -> Input:
    name = next(str(n) for n in frame.columns if pd.api.types.is_numeric_dtype(frame[n].dtype))
    values = frame[name].astype("float64").copy()
    values.iloc[-1] = np.inf
    return frame.assign(**{name: values}), context


def _every_row_twice(frame: pd.DataFrame, context: Context) -> Input:
    twice = pd.concat([frame, frame], ignore_index=True)
    return twice, _with(context, "quality", max_duplicate_share=min(context.params.quality.max_duplicate_share, 0.4))


def _few(frame: pd.DataFrame, context: Context) -> Input:
    return frame.head(5), context


def _none(frame: pd.DataFrame, context: Context) -> Input:
    return frame.head(0), context


def _a_key_missing(frame: pd.DataFrame, context: Context) -> Input:
    data = context.params.data
    name = data.id or data.time or data.cluster
    if name is None:
        return frame, _with(context, "data", id=NO_COLUMN)
    values = frame[name].astype(object)
    values.iloc[0] = None
    return frame.assign(**{name: values}), context


def _a_year_later(frame: pd.DataFrame, context: Context) -> Input:
    newest = frame[str(context.params.data.time)].max().to_pydatetime()
    limit = context.params.quality.max_age or timedelta(days=30)
    return frame, replace(_with(context, "quality", max_age=limit), now=newest + limit + timedelta(days=365))


def _one_class(frame: pd.DataFrame, context: Context) -> Input:
    target = context.params.data.target
    return frame.assign(**{target: frame[target].iloc[0]}), context


def _no_target(frame: pd.DataFrame, context: Context) -> Input:
    return frame.drop(columns=[context.params.data.target]), context


def _kept_out_as_feature(frame: pd.DataFrame, context: Context) -> Input:
    columns = roles.columns(context.contract)
    name = next(iter(columns.of("pii", "sensitive", "identifier", "target")))
    return frame, _with_feature(context, name, lambda rows: rows[name])


def _target_as_feature(frame: pd.DataFrame, context: Context) -> Input:
    params = context.params
    labels = targets.classes(frame, params)
    return frame, _with_feature(context, "written-afterwards", lambda rows: targets.encode(rows, params, labels))


def _with_feature(context: Context, name: str, values: Callable[[pd.DataFrame], Any]) -> Context:
    def features(rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
        return context.features(rows, history).assign(**{name: values(rows)})

    return replace(context, features=features, _inputs=None)


def _holdout_row_in_training(frame: pd.DataFrame, context: Context) -> Input:
    def cut(rows: pd.DataFrame, params: Any) -> Split:
        parts = split(rows, params)
        return replace(parts, train=parts.train | (parts.holdout & (np.cumsum(parts.holdout) == 1)))

    return frame, replace(context, cut=cut)


def _forty_rows(frame: pd.DataFrame, context: Context) -> Input:
    return frame.iloc[:: max(1, len(frame) // 40)], context


def _contract_column(context: Context) -> str:
    """A column of the contract that is none of the keys, so that other checks stay out of the way."""
    data = context.params.data
    keys = {data.id, data.time, data.label_time, data.cluster, data.target}
    names = [str(name) for name in context.contract.to_schema().columns if name not in keys]
    if not names:
        raise MlgateError("the contract has no column besides keys and target", "add one to src/model/schema.py")
    return names[0]


_SPOILS: dict[str, dict[str, Spoil]] = {
    "columns": {"dropped": _a_column_dropped, "added": _a_column_added, "twice": _a_column_twice},
    "rows": {"five rows": _few, "no rows": _none},
    "schema": {"another type": _a_value_of_another_type},
    "nulls": {"an empty column": _an_empty_column},
    "finite": {"infinity": _infinity},
    "duplicates": {"every row twice": _every_row_twice},
    "keys": {"a key missing": _a_key_missing},
    "freshness": {"a year old": _a_year_later},
    "target": {"one class": _one_class, "no target": _no_target},
    "personal-data": {"kept out, yet a feature": _kept_out_as_feature},
    "leakage": {"the target as a feature": _target_as_feature},
    "split-overlap": {"a holdout row in training": _holdout_row_in_training},
    "holdout-size": {"forty rows": _forty_rows},
}
