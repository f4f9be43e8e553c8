"""Checks of rows: how many, copies, keys that name them, how old the newest is."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from mlgate.duration import format_duration
from mlgate.quality.context import Context, skipped, verdict
from mlgate.report import Check


def rows(frame: pd.DataFrame, context: Context) -> Check:
    """Enough rows to learn from, and no more than expected."""
    quality = context.params.quality
    few, many = len(frame) < quality.min_rows, len(frame) > quality.max_rows
    limit = quality.max_rows if many else quality.min_rows
    key = "quality.max_rows" if many else "quality.min_rows"
    return verdict(
        "rows",
        "The number of rows is as expected",
        few or many,
        f"{len(frame):,} rows; {key} is {limit:,}",
        f"look at the source, or change {key} in params.yaml",
        float(len(frame)),
        float(limit),
        "rows",
    )


def duplicates(frame: pd.DataFrame, context: Context) -> Check:
    """Whole rows that occur again: they count double, and can stand on both sides of the split."""
    limit = context.params.quality.max_duplicate_share
    copies = frame.duplicated()
    share = float(copies.mean()) if len(frame) else 0.0
    first = f", first row {frame.index[copies][0]}" if copies.any() else ""
    return verdict(
        "duplicates",
        "Rows do not occur twice",
        share > limit,
        f"{int(copies.sum()):,} copies{first}",
        "drop the copies in src/model/data.py, or raise quality.max_duplicate_share in params.yaml",
        share,
        limit,
        "share",
    )


def keys(frame: pd.DataFrame, context: Context) -> Check:
    """The columns that name, order and group rows are complete; the identifier is unique, times are times."""
    data = context.params.data
    said = []
    for part in ("id", "time", "cluster"):
        name = getattr(data, part)
        if name is None:
            continue
        if name not in frame:
            said.append(f"no column {name!r} (data.{part})")
            continue
        missing = frame[name].isna()
        if missing.any():
            said.append(f"{name}: missing in {int(missing.sum()):,} rows, first {frame.index[missing][0]}")
        if part == "time" and not pd.api.types.is_datetime64_dtype(frame[name].dtype):
            said.append(_not_a_time(frame, name))
        if part == "id" and frame[name].duplicated().any():
            again = frame[name].duplicated()
            said.append(f"{name}: {int(again.sum()):,} values occur again, first in row {frame.index[again][0]}")
    evidence = "; ".join(said) or "complete and unique"
    mend = "mend them in src/model/data.py, or name other columns in params.yaml, data"
    return verdict("keys", "Every row has its keys", bool(said), evidence, mend, float(len(said)), 0.0)


def _not_a_time(frame: pd.DataFrame, name: str) -> str:
    parsed = pd.to_datetime(frame[name], errors="coerce", format="ISO8601")
    bad = parsed.isna() & frame[name].notna()
    if bad.any():
        row = frame.index[bad][0]
        return f"{name}: {frame.loc[row, name]!r} in row {row} is not a date ({int(bad.sum()):,} such rows)"
    return f"{name} is {frame[name].dtype}, not a time"


def freshness(frame: pd.DataFrame, context: Context) -> Check:
    """The newest row is younger than `quality.max_age`."""
    title, limit, name = "The data are fresh", context.params.quality.max_age, context.params.data.time
    if limit is None or name is None:
        return skipped("freshness", title, "quality.max_age or data.time is not set")
    newest = frame[name].max()
    if pd.isna(newest):
        return verdict("freshness", title, True, f"{name} is empty", "mend the source")
    age = context.now - newest.to_pydatetime()
    future = age < -timedelta(days=1)
    said = f"newest row is of {newest}" + (", in the future" if future else "")
    return verdict(
        "freshness",
        title,
        age > limit or future,
        said,
        f"ingest newer rows, or raise quality.max_age ({format_duration(limit)}) in params.yaml",
        age.total_seconds() / 86400,
        limit.total_seconds() / 86400,
        "days",
    )
