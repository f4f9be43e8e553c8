"""What each column is: number, category, text, date, identifier, personal data; every guess is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from mlgate.adopt import convert, dates, numerals, personal
from mlgate.adopt.columns import Column, Findings, Wishes
from mlgate.adopt.layout import FileColumn, Kind, Layout
from mlgate.adopt.names import safe_names
from mlgate.adopt.roles import chosen
from mlgate.adopt.targets import target_of
from mlgate.errors import DataError

FEW_ROWS = 20
NUMERIC_SHARE = 0.9  # a column of text with more numbers than this is a column of numbers with mistakes
IDENTIFIER_SHARE = 0.9  # text with more distinct values than this share of rows identifies


def infer(raw: pd.DataFrame, path: str, layout: Layout, wishes: Wishes, until: datetime | None = None) -> Findings:
    """Understand a table as it came from `source.table`.

    Raises
    ------
    ConfigError
        If a column that the caller named isn't there, or plays two parts.
    DataError
        If there are too few rows, or the target can't be learnt.
    """
    if len(raw) == 0:
        raise DataError(f"{path} has a header but no rows", "give a file with rows")
    if len(raw) < FEW_ROWS:
        raise DataError(f"{path} has {len(raw)} rows; at least {FEW_ROWS} are needed", "give more rows")
    parts = chosen([str(name) for name in raw.columns], wishes)
    names = safe_names(map(str, raw.columns), parts["target"])
    layout = replace(layout, decimal=wishes.decimal or convert.decimal_mark(raw, layout))
    target, classes, task, notes = target_of(raw[parts["target"]], names[parts["target"]], layout, wishes)
    labelled = raw[raw[parts["target"]].notna()].reset_index(drop=True)
    if len(labelled) < FEW_ROWS:
        raise DataError(f"{path} has {len(labelled)} labelled rows; at least {FEW_ROWS} are needed", "give more rows")
    notes += _repeated(labelled, parts)
    columns, left_out = _columns(labelled, names, layout, parts)
    notes += numerals.mostly((c.source, labelled[c.source]) for c in columns if c.part in ("category", "text"))
    if not layout.decimal:
        numeric = [c for c in [*columns, target] if c.kind in ("number", "integer")]
        notes += numerals.doubts((c.source, c.form, labelled[c.source]) for c in numeric)
        layout = replace(layout, decimal=".")
    notes += numerals.said((c.source, c.form) for c in [*columns, target] if c.form and c.kind != "moment")
    notes += filter(None, (dates.doubt(labelled[c.source], c.form) for c in columns if c.kind == "moment"))
    rows = convert.typed(labelled, {c.name: c.file for c in [*columns, target]}, layout.decimal)
    if until is not None:
        rows = _before(rows, names[parts["time"]], until, path)
    columns = [_rejudged(_measured(column, rows[column.name])) for column in columns]
    renamed = [f"{old!r} is {new}" for old, new in names.items() if old != new and old not in left_out]
    if renamed:
        more = f" and {len(renamed) - 3} more" if len(renamed) > 3 else ""
        notes.append(f"names that are safe in code: {', '.join(renamed[:3])}{more} (COLUMNS in src/model/data.py)")
    return Findings(path, layout, task, target, tuple(columns), left_out, rows, classes, tuple(notes))


def _columns(
    labelled: pd.DataFrame, names: dict[str, str], layout: Layout, parts: dict[str, Any]
) -> tuple[list[Column], dict[str, str]]:
    """The columns besides the target, and why others are left out."""
    columns, left_out = [], dict.fromkeys(parts["drop"], "left out by --drop")
    for source in (str(name) for name in labelled.columns if name != parts["target"] and name not in left_out):
        found = _column(labelled[source], source, names[source], layout.decimal, parts)
        if isinstance(found, Column):
            columns.append(found)
        else:
            left_out[source] = found
    return columns, left_out


def _before(rows: pd.DataFrame, time: str, until: datetime, path: str) -> pd.DataFrame:
    rows = rows[rows[time] < until].reset_index(drop=True)
    if len(rows) < FEW_ROWS:
        raise DataError(
            f"{path} has {len(rows)} rows before {until}; at least {FEW_ROWS} are needed", "choose --until later"
        )
    return rows


def _repeated(labelled: pd.DataFrame, parts: dict[str, Any]) -> list[str]:
    """An identifier that repeats names what rows belong to: it becomes the cluster."""
    key = parts["identifier"]
    if key is None or labelled[key].is_unique:
        return []
    if parts["cluster"] is not None:
        again = int(labelled[key].duplicated().to_numpy().argmax()) + 1
        words = f"--id {key} is no identifier: the value of row {again} stands in an earlier row as well"
        raise DataError(words, "give no --id, or another")
    parts["identifier"], parts["cluster"] = None, key
    return [f"{key} repeats, so its rows depend on each other: it is the cluster, and no row has an identifier"]


def _column(cells: pd.Series[Any], source: str, name: str, decimal: str, parts: dict[str, Any]) -> Column | str:
    """The column, or why it is left out."""
    role = next((role for role in ("identifier", "time", "cluster") if parts[role] == source), "feature")
    if role == "time":
        return Column(name, source, "moment", "time", form=dates.form_of(cells, strict=True))
    if role != "feature":
        if cells.isna().any():
            row = int(cells.isna().to_numpy().argmax()) + 1
            raise DataError(f"column {source!r}, row {row}: no value, but it is the {role}", "fill it in")
        return Column(name, source, _key_kind(cells, decimal), role)
    if cells.isna().all():
        return "no value in any row"
    if why := personal.why(source, cells):
        return f"personal data: {why}"
    return _feature(cells, source, name, decimal)


def _feature(cells: pd.Series[Any], source: str, name: str, decimal: str) -> Column | str:
    present, written = cells.dropna(), ""
    if pd.api.types.is_datetime64_any_dtype(present):
        return Column(name, source, "moment", part="date")
    if not (pd.api.types.is_numeric_dtype(present) or pd.api.types.is_bool_dtype(present)):
        form = dates.form_of(present, strict=False)
        words = convert.text(present)
        if set(words.str.casefold().unique()) <= set(convert.FLAGS):
            return Column(name, source, "flag", part="constant" if words.nunique() == 1 else "number")
        if form and not form.endswith("seconds") and (form != "%Y%m%d" or "date" in name.casefold()):
            return Column(name, source, "moment", part="date", form=form)
        written = numerals.form_of(words, decimal)
        share = float(convert.numbers(present, decimal, written).notna().mean())
        code = bool((words.str.fullmatch(r"0\d+")).any()) and bool(words.str.fullmatch(r"\d+").all())
        if code or share < NUMERIC_SHARE:
            return _words(words, source, name)
    if pd.api.types.is_bool_dtype(present):
        return Column(name, source, "flag", part="number" if present.nunique() > 1 else "constant")
    values = convert.one(cells, FileColumn(source, "number", written), decimal).dropna()
    if why := personal.identifies(source, values):
        return why
    return Column(name, source, "number", part="constant" if values.nunique() == 1 else "number", form=written)


def _words(words: pd.Series[Any], source: str, name: str) -> Column | str:
    distinct = int(words.nunique())
    longest = int(words.str.len().max())
    spaces = float(words.str.count(r"\s+").mean())
    if distinct == 1:
        return Column(name, source, "text", part="constant", longest=longest)
    if why := personal.identifies(source, words):
        return why
    if spaces >= 3 and distinct > len(words) / 10:
        return Column(name, source, "text", part="text", distinct=distinct, longest=longest)
    if distinct > IDENTIFIER_SHARE * len(words) and distinct > FEW_ROWS:
        return "identifier: nearly every row has its own value"
    return Column(name, source, "text", part="category", distinct=distinct, longest=longest)


def _key_kind(cells: pd.Series[Any], decimal: str) -> Kind:
    whole = convert.text(cells).str.fullmatch(r"-?(0|[1-9]\d{0,17})").all()
    return "integer" if whole else "text"


def _measured(column: Column, values: pd.Series[Any]) -> Column:
    column = replace(column, nullable=bool(values.isna().any()), distinct=int(values.nunique()))
    if column.kind in ("number", "integer", "flag"):
        return replace(column, low=float(values.min()), high=float(values.max()))
    return column


def _rejudged(column: Column) -> Column:
    """What varies only after `--until` is constant in the rows that are adopted."""
    return (
        replace(column, part="constant") if column.distinct <= 1 and column.part in ("number", "category") else column
    )
