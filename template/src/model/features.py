"""Model inputs from raw transactions: the same function at training and at serving, and nothing from the future.

A feature of a transaction at time t uses that transaction and others of the same customer or terminal strictly
before t. Sums are kept in whole cents, so that training and serving agree to the last bit whatever the order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlgate.serving.history_spec import HistorySpec

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

HOUR = 3_600_000_000  # microseconds
DAY = 24 * HOUR
LONGEST = 28  # days
CATEGORIES = ("category",)
FEATURES = (
    "amount",
    "hour",
    "weekday",
    "night",
    "category",
    "customer_count_1d",
    "customer_count_7d",
    "customer_count_28d",
    "customer_mean_1d",
    "customer_mean_28d",
    "customer_hours_since_last",
    "customer_at_terminal_28d",
    "customer_in_category_28d",
    "customer_nights_28d",
    "amount_to_customer_mean",
    "terminal_count_1d",
    "terminal_count_7d",
    "terminal_count_28d",
    "terminal_mean_28d",
    "terminal_mean_7d_to_28d",
    "amount_to_terminal_mean",
)
HISTORY = HistorySpec(
    keys=("customer_id", "terminal_id"),
    time="timestamp",
    columns=("transaction_id", "timestamp", "customer_id", "terminal_id", "amount", "category"),
    days=30,
)


def features(rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
    """Features of each row, from itself and from earlier transactions.

    Parameters
    ----------
    rows
        Raw transactions in any order, n of them; earlier ones among them count for later ones.
    history
        More transactions that may count, at least those of the same customers and terminals in the 28 days before;
        one that is also in `rows` (same transaction_id, as when a request is sent twice) counts once.

    Returns
    -------
    DataFrame
        Columns FEATURES, index of `rows`. Counts are 0 where there is nothing before, means and ratios NaN.
    """
    raw = _Raw(rows, history)
    columns: dict[str, Any] = {
        "amount": raw.cents[: raw.asked] / 100.0,
        "hour": raw.hour[: raw.asked].astype(np.float64),
        "weekday": ((raw.time[: raw.asked] // DAY + 3) % 7).astype(np.float64),
        "night": raw.night[: raw.asked].astype(np.float64),
        "category": pd.array(rows["category"].to_numpy(dtype=object), dtype="str"),
    }
    columns |= _looks_back(raw)
    columns["amount_to_customer_mean"] = columns["amount"] / columns["customer_mean_28d"]
    columns["amount_to_terminal_mean"] = columns["amount"] / columns["terminal_mean_28d"]
    return pd.DataFrame({name: columns[name] for name in FEATURES}, index=rows.index)


def _looks_back(raw: _Raw) -> dict[str, Floats]:
    """What the customer and the terminal of each row asked for did before it."""
    customer, terminal = _Past(raw.customer, raw), _Past(raw.terminal, raw)
    at_terminal = _Past(_pair(raw.customer, raw.terminal), raw)
    in_category = _Past(_pair(raw.customer, raw.category), raw)
    columns: dict[str, Floats] = {}
    for days in (1, 7, LONGEST):
        columns[f"customer_count_{days}d"] = customer.count(days).astype(np.float64)
        columns[f"terminal_count_{days}d"] = terminal.count(days).astype(np.float64)
    columns["customer_mean_1d"] = customer.mean(1)
    columns["customer_mean_28d"] = customer.mean(LONGEST)
    columns["customer_hours_since_last"] = customer.hours_since_last()
    columns["customer_at_terminal_28d"] = at_terminal.count(LONGEST).astype(np.float64)
    columns["customer_in_category_28d"] = in_category.count(LONGEST).astype(np.float64)
    columns["customer_nights_28d"] = customer.total(LONGEST, raw.night).astype(np.float64)
    columns["terminal_mean_28d"] = terminal.mean(LONGEST)
    columns["terminal_mean_7d_to_28d"] = terminal.mean(7) / columns["terminal_mean_28d"]
    return columns


class _Raw:
    """The columns of `rows` followed by those of `history`, as integers."""

    def __init__(self, rows: pd.DataFrame, history: pd.DataFrame | None) -> None:
        self.asked = len(rows)
        parts = [rows]
        if history is not None and len(history):
            sent_again = np.isin(history["transaction_id"].to_numpy(), rows["transaction_id"].to_numpy())
            parts.append(history[~sent_again] if sent_again.any() else history)
        self.time = _joined(part["timestamp"].to_numpy().astype("datetime64[us]").view(np.int64) for part in parts)
        self.cents = _joined(np.rint(part["amount"].to_numpy(np.float64) * 100).astype(np.int64) for part in parts)
        self.customer = _codes(_joined(part["customer_id"].to_numpy() for part in parts))
        self.terminal = _codes(_joined(part["terminal_id"].to_numpy() for part in parts))
        self.category = _codes(_joined(part["category"].to_numpy(dtype=object) for part in parts))
        self.hour = self.time // HOUR % 24
        self.night = (self.hour < 6).astype(np.int64)
        self.moments, self.rank = np.unique(self.time, return_inverse=True)
        self._before: dict[int, Integers] = {}

    def ranks_before(self, days: int) -> Integers:
        """Rank of the first moment in the window of `days` before each row."""
        if days not in self._before:
            first = np.searchsorted(self.moments, self.moments - days * DAY, side="left")
            self._before[days] = np.asarray(first[self.rank], dtype=np.int64)
        return self._before[days]


class _Past:
    """Rows that share a key, in order of time, with running totals: any window is a difference of two of them.

    Key and time become one sortable integer, `code * (number of moments + 1) + rank of the moment`, so that one binary
    search finds where a window of a key begins, and another where it ends: before the row's own moment.
    """

    def __init__(self, codes: Integers, raw: _Raw) -> None:
        width = len(raw.moments) + 1
        place = codes * width + raw.rank
        self._raw, self._order = raw, np.argsort(place, kind="stable")
        self._sorted = place[self._order]
        self._key = self._sorted - raw.rank[self._order]
        self._end = np.searchsorted(self._sorted, self._sorted, side="left")
        self._begins: dict[int, Integers] = {}

    def count(self, days: int) -> Integers:
        """How many rows stand in the window of `days` that ends before each row asked for."""
        return self._asked(self._end - self._begin(days))

    def total(self, days: int, values: Integers) -> Integers:
        """Sum of `values` (one a raw row) over the same window."""
        running = np.concatenate([[0], np.cumsum(values[self._order])])
        return self._asked(running[self._end] - running[self._begin(days)])

    def mean(self, days: int) -> Floats:
        """Mean amount in euros; NaN where the window is empty."""
        count = self.count(days)
        return np.where(count > 0, self.total(days, self._raw.cents) / np.maximum(count, 1) / 100.0, np.nan)

    def hours_since_last(self) -> Floats:
        """Hours since the row before; NaN where there is none within the longest window."""
        time = self._raw.time[self._order]
        passed = self._asked(time - time[np.maximum(self._end - 1, 0)]) / HOUR
        return np.where(self.count(LONGEST) > 0, passed, np.nan)

    def _begin(self, days: int) -> Integers:
        if days not in self._begins:
            first = self._key + self._raw.ranks_before(days)[self._order]
            self._begins[days] = np.asarray(np.searchsorted(self._sorted, first, side="left"), dtype=np.int64)
        return self._begins[days]

    def _asked(self, ordered: Integers) -> Integers:
        """From the order of key and time back to that of the rows asked for."""
        result = np.empty_like(ordered)
        result[self._order] = ordered
        return result[: self._raw.asked]


def _joined(parts: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    arrays = list(parts)
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _codes(values: npt.NDArray[Any]) -> Integers:
    return np.asarray(pd.factorize(values, use_na_sentinel=False)[0], dtype=np.int64)


def _pair(left: Integers, right: Integers) -> Integers:
    return _codes(left * (int(right.max(initial=0)) + 1) + right)
