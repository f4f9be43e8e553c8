"""Cells turn any column into counts: what the profile, the tests and the plots all work on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

Kind = Literal["number", "time", "category"]
BINS = 64
KNOWN = 1_000
SAMPLE = 200_000
NAMED = 5  # rows; a value that fewer have may be about one person, so it is known by its hash alone
_SEAL = "hash:"
_ROUNDING = 2e-7  # of a value: what float32 and text lose on the way to the log and back
_TRUTH: dict[Any, Any] = {True: 1.0, False: 0.0, "True": 1.0, "False": 0.0}

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Cells:
    """How one column is cut. `size` cells, then two more: `size` is novel, `size + 1` is missing.

    A number's cells are ordered: below the reference, the bins `[edge, next edge)`, above it. A value that is
    frequent has a bin of its own. A category's cells are its most frequent values, then all others that were seen; a
    value of fewer than `NAMED` rows stands there sealed, so that a profile can be shown and kept in Git.
    """

    kind: Kind
    edges: Floats = field(default_factory=lambda: np.empty(0))
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    open: bool = False  # more values than we keep: an unknown one says nothing

    @property
    def size(self) -> int:
        return len(self.categories) + 1 if self.kind == "category" else len(self.edges) + 1

    def assign(self, values: pd.Series[Any]) -> Ints:
        """The cell of each value, (n,) of 0..size+1; never fails, whatever the values are."""
        if self.kind == "category":
            return self._assign_text(values)
        numbers, unreadable = as_numbers(values, self.kind)
        cells = np.searchsorted(self.edges, numbers, side="right").astype(np.int64)
        cells[np.isnan(numbers)] = self.size + 1
        cells[unreadable] = self.size
        return cells

    def _assign_text(self, values: pd.Series[Any]) -> Ints:
        codes, names = pd.factorize(values)
        place = {name: i for i, name in enumerate(self.categories)} | dict.fromkeys(self.rare, len(self.categories))
        unknown = len(self.categories) if self.open else self.size
        texts = [as_text(name) for name in names]
        of_name = [place[text] if text in place else place.get(sealed(text), unknown) for text in texts]
        return np.array([*of_name, self.size + 1], dtype=np.int64)[codes]

    def is_sealed(self, cell: int) -> bool:
        """Whether the value of this cell is too rare to be shown."""
        return self.kind == "category" and cell < len(self.categories) and self.categories[cell].startswith(_SEAL)

    def labels(self) -> list[str]:
        """A short name for each of the `size` cells."""
        if self.kind == "category":
            return ["a rare value" if self.is_sealed(i) else name for i, name in enumerate(self.categories)] + ["other"]
        if not len(self.edges):
            return ["any"]
        show = _moment if self.kind == "time" else _short
        middle = [f"{show(a)} … {show(b)}" for a, b in zip(self.edges[:-1], self.edges[1:], strict=True)]
        return [f"below {show(self.edges[0])}", *middle, f"above {show(self.edges[-1])}"]


def cut(values: pd.Series[Any]) -> Cells:
    """Decide the cells of a reference column."""
    kind = kind_of(values)
    if kind == "category":
        return _cut_text(values)
    numbers, _ = as_numbers(values, kind)
    return Cells(kind, edges=_cut_numbers(numbers[np.isfinite(numbers)]))


def kind_of(values: pd.Series[Any]) -> Kind:
    """Numbers (booleans and durations too), moments, or categories; a column without a value counts as a category."""
    types = pd.api.types
    if types.is_datetime64_any_dtype(values.dtype):
        return "time"
    if types.is_timedelta64_dtype(values.dtype):
        return "number"
    if types.is_numeric_dtype(values.dtype) and not types.is_complex_dtype(values.dtype):
        return "number"
    present = values.dropna()
    if isinstance(values.dtype, pd.CategoricalDtype) or present.empty:
        return "category"
    inferred = pd.api.types.infer_dtype(present, skipna=True)
    return "number" if inferred in ("boolean", "integer", "floating", "mixed-integer-float", "decimal") else "category"


def as_numbers(values: pd.Series[Any], kind: Kind) -> tuple[Floats, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Values as float64 (seconds for moments, NaN where missing), and where one was there but could not be read."""
    if kind == "time":
        moments = pd.to_datetime(values, errors="coerce", utc=True, format=None if _typed(values) else "ISO8601")
        seconds = moments.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64) / 1e6
        numbers = np.where(moments.isna().to_numpy(), np.nan, seconds)
    elif pd.api.types.is_timedelta64_dtype(values.dtype):
        numbers = values.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
    elif pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_complex_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), dtype=bool)
    else:
        plain = values.astype(object)
        plain = plain.map(lambda value: _TRUTH.get(value, value) if isinstance(value, (bool, np.bool_, str)) else value)
        numbers = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers, np.isnan(numbers) & values.notna().to_numpy()


def as_text(value: Any) -> str:
    """A category's name; a whole float reads as its integer, as JSON and missing values turn one into the other."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)[:200]


def sealed(text: str) -> str:
    """Stands for a rare value: tells whether one is the same again, and not what it was."""
    return _SEAL + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _typed(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_datetime64_any_dtype(values.dtype)


def _short(value: float) -> str:
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _moment(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s")).replace("T", " ")


def _cut_text(values: pd.Series[Any]) -> Cells:
    codes, names = pd.factorize(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    often: dict[str, int] = {}
    for i in order[:KNOWN]:
        text = as_text(names[i])
        often[text] = often.get(text, 0) + int(counts[i])
    texts = [text if count >= NAMED else sealed(text) for text, count in often.items()]
    is_open = len(names) > KNOWN
    return Cells("category", categories=tuple(texts[:BINS]), rare=() if is_open else tuple(texts[BINS:]), open=is_open)


def _cut_numbers(numbers: Floats) -> Floats:
    """Edges at the reference's quantiles, two around each frequent value, and around the smallest and the largest."""
    if not len(numbers):
        return np.empty(0)
    low, high = float(numbers.min()), float(numbers.max())
    if len(numbers) > SAMPLE:
        numbers = np.random.default_rng(0).choice(numbers, SAMPLE, replace=False)
    distinct, counts = np.unique(np.append(numbers, [low, high]), return_counts=True)
    frequent = np.full(len(distinct), True) if len(distinct) <= BINS else counts >= len(numbers) / BINS
    frequent[[0, -1]] = True
    with np.errstate(over="ignore"):
        gap = np.diff(distinct, prepend=-np.inf, append=np.inf) / 2
        slack = np.minimum(_ROUNDING * np.abs(distinct), np.minimum(gap[:-1], gap[1:]))
        before = (distinct - slack)[frequent]
        after = np.maximum(distinct + slack, np.nextafter(distinct, np.inf))[frequent]
    quantiles = np.quantile(distinct.repeat(counts), np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    inside = np.searchsorted(after, quantiles, side="right") != np.searchsorted(before, quantiles, side="right")
    if len(distinct) <= BINS:
        return np.unique(np.concatenate([before, after]))
    return np.unique(np.concatenate([before, after, quantiles[~inside]]))
