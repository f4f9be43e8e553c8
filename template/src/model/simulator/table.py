"""Days of a world as one table of labelled transactions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from model.simulator.drift import Drift, change, lots
from model.simulator.fraud import LONGEST_DAYS, card_testing, frauds
from model.simulator.world import CATEGORIES, DAY, Integers, Rows, World, ordinary

_BITS = 23  # of a transaction's number within its day
_ORDINARY, _FRAUD, _TESTING = 0, 4_000_000, 6_000_000  # first numbers, so that drift renumbers no other row
_SETTLED_DAYS = 7  # a transaction without complaint for so long is genuine
_UNKNOWN_CATEGORY = 0.01  # share of transactions whose terminal did not send one


def transactions(world: World, start: datetime, end: datetime, drift: Sequence[Drift]) -> pd.DataFrame:
    """Labelled transactions with start <= timestamp < end, in order of time.

    Each row depends on the world, the drift and its own day alone: another start or end gives the same rows where
    the two overlap.
    """
    first, last = (int(moment.timestamp()) for moment in (pd.Timestamp(start), pd.Timestamp(end)))
    blocks = [block for day in _days(first, last) for block in _blocks(world, day, first, drift)]
    second = np.concatenate([rows.second for rows, _ in blocks])
    inside = (second >= first) & (second < last)
    number = np.concatenate([numbers for _, numbers in blocks])[inside]
    second = second[inside]
    order = np.lexsort((number, second))
    number, second = number[order], second[order]
    terminal = np.concatenate([rows.terminal for rows, _ in blocks])[inside][order]
    fraud = np.concatenate([np.full(len(rows), rows.fraud) for rows, _ in blocks])[inside][order]
    frame = pd.DataFrame(
        {
            "transaction_id": number,
            "timestamp": second.astype("datetime64[s]").astype("datetime64[us]"),
            "customer_id": np.concatenate([rows.customer for rows, _ in blocks])[inside][order],
            "terminal_id": terminal,
            "amount": np.round(np.concatenate([rows.amount for rows, _ in blocks])[inside][order].clip(0.5, 5e4), 2),
            "category": pd.Series(np.array(CATEGORIES, dtype=object)[world.terminal_category[terminal]], dtype="str"),
            "is_fraud": fraud.astype(np.int64),
            "label_time": _label_times(second, fraud, number),
        }
    )
    frame["category"] = frame["category"].mask(lots(frame, 0) < _UNKNOWN_CATEGORY)
    for one in drift:
        frame = change(frame, world, one)
    return frame.reset_index(drop=True)


def _days(first: int, last: int) -> range:
    """Days whose blocks may hold a row in between: campaigns begin up to LONGEST_DAYS before."""
    return range(first // DAY - LONGEST_DAYS, -(-last // DAY))


def _blocks(world: World, day: int, first: int, drift: Sequence[Drift]) -> list[tuple[Rows, Integers]]:
    """What begins on a day, with the numbers of its transactions."""
    blocks = []
    if (day + 1) * DAY > first:
        rows = ordinary(world, day)
        blocks.append((rows, _numbers(day, _ORDINARY, len(rows))))
    offset = _FRAUD
    for rows in frauds(world, day):
        blocks.append((rows, _numbers(day, offset, len(rows))))
        offset += len(rows)
    offset = _TESTING
    for one in drift:
        if one.kind == "new_fraud_pattern" and day * DAY >= pd.Timestamp(one.begin).timestamp():
            rows = card_testing(world, day, one.strength)
            blocks.append((rows, _numbers(day, offset, len(rows))))
            offset += len(rows)
    return blocks


def _numbers(day: int, offset: int, count: int) -> Integers:
    """Unique numbers that do not tell what kind of row they name: multiplied by an odd number, modulo 2 ** _BITS."""
    place = np.arange(offset, offset + count, dtype=np.int64)
    return (day << _BITS) + place * 5_417_093 % (1 << _BITS)


def _label_times(second: Integers, fraud: Integers, number: Integers) -> pd.Series:
    """Midnight after a complaint (2 to 7 days later), or after a week without one."""
    days = np.where(fraud, 2 + number * 31 % 6, _SETTLED_DAYS)
    return pd.Series(((second // DAY + days) * DAY).astype("datetime64[s]").astype("datetime64[us]"))
