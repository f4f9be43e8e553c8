"""How far two data versions are apart: nothing where chance explains it, the right column first where it doesn't."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlgate.quality.shift import shifts


def frame(seed: int, n: int = 5_000) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": random.lognormal(size=n),
            "constant": np.ones(n),
            "category": random.choice(["fuel", "food", "travel"], n, p=[0.6, 0.3, 0.1]),
            "flag": random.random(n) < 0.2,
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 86_400, n), unit="s"),
        }
    )


def test_draws_from_the_same_rows_do_not_move() -> None:
    seen = [shift.column for seed in range(0, 40, 2) for shift in shifts(frame(seed), frame(seed + 1)) if shift.seen]
    assert seen == []


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("amount", lambda f: f["amount"] * 1.2),
        ("amount", lambda f: f["amount"].where(f.index % 10 > 0)),
        ("constant", lambda f: f["constant"] * 2),
        ("category", lambda f: f["category"].where(f.index % 20 > 0, "crypto")),
        ("flag", lambda f: f["flag"] | (f.index % 10 == 0)),
        ("when", lambda f: f["when"] + pd.Timedelta("3h")),
        ("category", lambda f: pd.Series(range(len(f)))),
    ],
    ids=["inflation", "missing", "constant", "new category", "more often", "later", "another type"],
)
def test_a_column_that_moved_comes_first(column: str, change) -> None:
    new = frame(1)
    new[column] = change(new)
    first, *others = shifts(frame(0), new)
    assert (first.column, first.seen) == (column, True)
    assert not any(other.seen for other in others)


def test_empty_frames_and_columns_of_nothing_say_nothing() -> None:
    old = frame(0)
    assert shifts(old.head(0), old) == []
    nothing = old.assign(amount=np.nan)
    assert [s.size for s in shifts(nothing, nothing)] == [0.0] * len(old.columns)
