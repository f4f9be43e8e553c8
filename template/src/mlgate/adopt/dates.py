"""How a column writes its dates and times, found from its cells; where day and month can't be told apart it is said."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mlgate.adopt import convert
from mlgate.adopt.layout import FileColumn
from mlgate.errors import DataError

HEAD = 200  # cells that are tried first
_SWAPPED = {"%m/%d": "%d/%m", "%d/%m": "%m/%d"}


def form_of(cells: pd.Series[Any], strict: bool) -> str:
    """How the moments of a column are written; empty if they aren't moments (an error naming the row if strict)."""
    present = cells.dropna()
    if pd.api.types.is_datetime64_any_dtype(present) and not (strict and cells.isna().any()):
        return ""
    if strict and cells.isna().any():
        row = int(cells.isna().to_numpy().argmax()) + 1
        raise DataError(
            f"column {cells.name!r}, row {row}: no value, but it is the time", "fill it in, or give no --time"
        )
    head = present.head(HEAD)
    words = convert.text(head)
    plain = bool(words.str.fullmatch(r"\d{1,7}|-?\d*\.\d+").any())
    forms = [] if plain or not (strict or words.str.contains(r"\d").all()) else list(convert.FORMATS)
    if not strict:
        forms = [form for form in forms if not form.endswith("seconds")]
    shares = {form: float(convert.moments(head, form).notna().mean()) for form in forms}
    for form in (form for form, share in shares.items() if share == 1):
        if convert.moments(present, form).notna().all():
            return _ordered(present, form)
    if not strict:
        return ""
    if plain:
        raise DataError(
            f"column {cells.name!r} holds numbers such as {str(head.iloc[0])[:20]!r}, no dates",
            "write dates as 2026-05-04; a spreadsheet's day numbers become dates by the format of their cells",
        )
    best = max(shares, key=lambda form: shares[form]) if shares else "ISO8601"
    convert.one(cells, FileColumn(str(cells.name), "moment", best), ".")  # says which row
    raise DataError(f"column {cells.name!r} holds no dates", "give the column of dates as --time")


def doubt(cells: pd.Series[Any], form: str) -> str:
    """What to look at where every date may as well be read with day and month the other way round; else empty."""
    other = _twin(form)
    if not other or convert.moments(cells.dropna(), other).isna().any():
        return ""
    day_first = form.startswith("%d")
    read, not_read = ("day/month", "month/day") if day_first else ("month/day", "day/month")
    return f"{cells.name} is read as {read}, but may be {not_read}: then write {other!r} in COLUMNS of data.py"


def _ordered(present: pd.Series[Any], form: str) -> str:
    """Of two readings the one in which a file's rows are in order of time; where both are, at the more even steps."""
    other = _twin(form)
    turned = convert.moments(present, other) if other else None
    if turned is None or turned.isna().any():
        return form
    return other if _disorder(turned) < _disorder(convert.moments(present, form)) else form


def _disorder(moments: pd.Series[Any]) -> tuple[bool, float]:
    """Whether rows are out of order, and how uneven their steps are."""
    steps = moments.diff().iloc[1:].dt.total_seconds()
    if not moments.is_monotonic_increasing:
        return True, 0.0
    return False, float(steps.std(ddof=0) / steps.mean()) if len(steps) and steps.mean() else 0.0


def _twin(form: str) -> str:
    return _SWAPPED[form[:5]] + form[5:] if form[:5] in _SWAPPED else ""
