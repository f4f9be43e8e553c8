"""Checks of columns: which there are, what is missing in them, what is not a number in them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlgate.quality.context import Context, verdict
from mlgate.report import Check


def columns(frame: pd.DataFrame, context: Context) -> Check:
    """The columns are those of the contract, each once."""
    expected = set(context.contract.to_schema().columns)
    names = [str(name) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    said = [
        f"{what}: {', '.join(found[:10])}"
        for what, found in (
            ("missing", sorted(expected - set(names))),
            ("not in the contract", sorted(set(names) - expected)),
            ("more than once", repeated),
        )
        if found
    ]
    limit = context.params.quality.max_columns
    if len(names) > limit:
        said.append(f"{len(names):,} columns, more than quality.max_columns")
    return verdict(
        "columns",
        "The columns are those of the contract",
        bool(said),
        "; ".join(said) or f"{len(names)} columns",
        "change src/model/data.py so that it gives these columns, or the contract in src/model/schema.py",
        float(len(names)),
    )


def nulls(frame: pd.DataFrame, context: Context) -> Check:
    """No column is empty, and none misses more than `quality.max_null_share`."""
    limit = context.params.quality.max_null_share
    shares = frame.isna().mean().sort_values(ascending=False)
    worst = float(shares.iloc[0]) if len(shares) else 0.0
    empty = [str(name) for name, share in shares.items() if share == 1.0 and len(frame)]
    bad = [f"{name} {share:.1%}" for name, share in shares.items() if share > limit]
    said = f"empty: {', '.join(empty[:5])}" if empty else ", ".join(bad[:5])
    return verdict(
        "nulls",
        "No column misses too many values",
        bool(empty or bad),
        said or f"most: {shares.index[0]} {worst:.1%}",
        "mend the source, drop the column, or raise quality.max_null_share in params.yaml",
        worst,
        limit,
        "share",
    )


def finite(frame: pd.DataFrame, context: Context) -> Check:
    """Numbers are finite: infinity passes comparisons, then ruins sums."""
    found = []
    for name in frame.select_dtypes("number").columns:
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.isinf(values)
        if infinite.any():
            found.append(f"{name}: {int(infinite.sum())} rows, first {frame.index[infinite][0]}")
    return verdict(
        "finite",
        "Numbers are finite",
        bool(found),
        "; ".join(found[:5]) or "no infinite value",
        "replace infinite values by missing ones at the source",
        float(len(found)),
        0.0,
        "columns",
    )
