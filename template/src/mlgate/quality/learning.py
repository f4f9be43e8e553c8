"""Checks of what learning rests on: the target, what leaks it, who may be a feature, how the rows are cut."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlgate.errors import MlgateError
from mlgate.gates.sample import FEWEST
from mlgate.quality.context import Context, verdict
from mlgate.quality.leak import strength
from mlgate.report import Check
from mlgate.table import roles, targets
from mlgate.table.row_hash import hash_columns
from mlgate.table.split import row_hashes


def target(frame: pd.DataFrame, context: Context) -> Check:
    """The target can be learnt: there, complete, more than one value, and no feature."""
    params, title = context.params, "The target can be learnt"
    try:
        labels = targets.classes(frame, params)
        y = targets.encode(frame, params, labels)
    except MlgateError as error:
        return verdict("target", title, True, str(error), error.mend)
    if not labels and len(y) and float(np.ptp(y)) == 0.0:
        return verdict("target", title, True, f"{params.data.target} is {y[0]:g} in every row", "check the source")
    if params.data.target in context.inputs(frame).columns:
        mend = "leave it out of features() in src/model/features.py"
        return verdict("target", title, True, f"{params.data.target} is a feature as well", mend)
    share = float(y.mean()) if len(labels) == 2 else None
    said = ", ".join(f"{label}: {int((y == number).sum()):,}" for number, label in enumerate(labels[:10]))
    return verdict("target", title, False, said or f"{len(np.unique(y)):,} values", "", share, None, "positive share")


def personal_data(frame: pd.DataFrame, context: Context) -> Check:
    """No column that identifies a person, or is known only later, is given to the model as it is."""
    columns = roles.columns(context.contract)
    kept_out = {*columns.of("identifier", "pii", "sensitive", "target", "label_time", "ignored")}
    found = sorted(kept_out & set(context.inputs(frame).columns))
    return verdict(
        "personal-data",
        "No personal data, identifier or target among the features",
        bool(found),
        f"features() gives {', '.join(found)}" if found else f"{len(kept_out)} columns kept out",
        "leave it out of features() in src/model/features.py, or change its role in src/model/schema.py",
        float(len(found)),
        0.0,
    )


def leakage(frame: pd.DataFrame, context: Context) -> Check:
    """No single feature tells the target: one that does was usually written after the fact."""
    params, limit = context.params, context.params.quality.max_feature_auc
    y = targets.encode(frame, params, targets.classes(frame, params))
    inputs = context.inputs(frame)
    found = {str(name): strength(inputs[name], y, params.data.task) for name in inputs.columns}
    name = max(found, key=lambda key: found[key])
    bad = [f"{key} {value:.4f}" for key, value in found.items() if value > limit]
    return verdict(
        "leakage",
        "No feature gives the target away",
        bool(bad),
        ", ".join(bad[:5]) or f"strongest: {name}",
        "leave it out of features(), or raise quality.max_feature_auc in params.yaml if it is known in time",
        found[name],
        limit,
        "R²" if params.data.task == "regression" else "AUC",
    )


def split_overlap(frame: pd.DataFrame, context: Context) -> Check:
    """Training and holdout share no row; without time, no entity either; with time, the holdout is later."""
    params = context.params
    data, parts = params.data, context.cut(frame, params)
    hashes = row_hashes(frame, params)
    shared = int(np.isin(hashes[parts.holdout], hashes[parts.train]).sum())
    said = [f"{shared:,} rows on both sides"] if shared else []
    entity = data.cluster or data.id
    if data.time is None and entity:
        both = np.isin(frame.loc[parts.holdout, entity], frame.loc[parts.train, entity])
        said += [f"{int(both.sum()):,} holdout rows whose {entity} is in training"] * bool(both.any())
    elif data.time and frame.loc[parts.train, data.time].max() >= frame.loc[parts.holdout, data.time].min():
        said.append("training reaches into the holdout's time")
    names = sorted(str(name) for name in frame.columns if name not in (data.id, data.target, data.label_time))
    twins = hash_columns(frame, names)
    share = float(np.isin(twins[parts.holdout], twins[parts.train]).mean())
    if share > 0.01:
        said.append(f"{share:.1%} of the holdout are copies of training rows")
    return verdict(
        "split-overlap",
        "The holdout was not seen in training",
        bool(said),
        "; ".join(said) or f"{int(parts.train.sum()):,} training, {int(parts.holdout.sum()):,} holdout rows",
        "drop copies in src/model/data.py, or name the entity in params.yaml, data.cluster",
        float(shared),
        0.0,
        "rows",
    )


def holdout_size(frame: pd.DataFrame, context: Context) -> Check:
    """The holdout is large enough for the gates to judge on: as many rows, or entities of each class, as they need."""
    params, title = context.params, "The holdout is large enough to judge on"
    holdout = context.cut(frame, params).holdout
    mend = "take more rows, or a larger split.holdout in params.yaml"
    count, entity = int(holdout.sum()), params.data.cluster
    if params.data.task != "binary":
        few = FEWEST["rows"]
        return verdict("holdout-size", title, count < few, f"{count:,} rows", mend, count, few, "rows")
    few, labels = FEWEST["class"], targets.classes(frame, params)
    y = targets.encode(frame, params, labels)[holdout]
    units = frame.loc[holdout, entity].to_numpy() if entity else np.arange(count)
    held = [len(pd.unique(units[y == number])) for number in (0, 1)]
    rarest = int(np.argmin(held))
    said = f"{count:,} rows, {int((y == rarest).sum()):,} of class {labels[rarest]!r}"
    said += f" in {held[rarest]:,} values of {entity}" if entity else ""
    return verdict("holdout-size", title, held[rarest] < few, said, mend, held[rarest], few)
