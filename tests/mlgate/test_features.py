"""The windows of the default features: equal to a slow and obvious count, blind to the future, the same online."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.features import FEATURES, HISTORY, features

START = pd.Timestamp("2026-01-01")
HOUR = pd.Timedelta(hours=1)
INPUTS = ["transaction_id", "timestamp", "customer_id", "terminal_id", "amount", "category"]


def table(rows: list[tuple[int, int, int, int, str | None]]) -> pd.DataFrame:
    """Transactions from (hour, customer, terminal, cents, category)."""
    hours, customers, terminals, cents, categories = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "transaction_id": np.arange(len(rows)) + 50,
            "timestamp": START + np.array(hours) * HOUR,
            "customer_id": customers,
            "terminal_id": terminals,
            "amount": np.array(cents) / 100,
            "category": pd.Series(categories, dtype="str"),
        }
    )


# Few keys and few moments, so that ties, repeats and empty windows all happen; 40 days, so that rows leave windows.
some_rows = st.lists(
    st.tuples(
        st.integers(0, 40 * 24).map(lambda hour: hour - hour % 6),
        st.integers(1, 3),
        st.integers(7, 9),
        st.integers(1, 10_000_000),
        st.sampled_from(["grocery", "fuel", None]),
    ),
    min_size=1,
    max_size=25,
).map(table)


def slow(rows: pd.DataFrame, row: pd.Series) -> dict[str, float]:
    """The features with a window, counted one by one from their definition."""

    def window(days: int, **keys: object) -> pd.DataFrame:
        inside = (rows["timestamp"] < row["timestamp"]) & (rows["timestamp"] >= row["timestamp"] - days * 24 * HOUR)
        for key, value in keys.items():
            inside &= rows[key].isna() if pd.isna(value) else rows[key] == value
        return rows[inside]

    def mean(frame: pd.DataFrame) -> float:
        return int((frame["amount"] * 100).round().astype(int).sum()) / len(frame) / 100 if len(frame) else np.nan

    mine, here = {"customer_id": row["customer_id"]}, {"terminal_id": row["terminal_id"]}
    expected = {f"customer_count_{days}d": float(len(window(days, **mine))) for days in (1, 7, 28)}
    expected |= {f"terminal_count_{days}d": float(len(window(days, **here))) for days in (1, 7, 28)}
    last = window(28, **mine)["timestamp"].max()
    customer_mean, terminal_mean = mean(window(28, **mine)), mean(window(28, **here))
    return expected | {
        "customer_mean_1d": mean(window(1, **mine)),
        "customer_mean_28d": customer_mean,
        "customer_hours_since_last": (row["timestamp"] - last) / HOUR if not pd.isna(last) else np.nan,
        "customer_at_terminal_28d": float(len(window(28, **mine, **here))),
        "customer_in_category_28d": float(len(window(28, **mine, category=row["category"]))),
        "customer_nights_28d": float((window(28, **mine)["timestamp"].dt.hour < 6).sum()),
        "amount_to_customer_mean": row["amount"] / customer_mean,
        "terminal_mean_28d": terminal_mean,
        "terminal_mean_7d_to_28d": mean(window(7, **here)) / terminal_mean,
        "amount_to_terminal_mean": row["amount"] / terminal_mean,
    }


def equal(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@settings(max_examples=20, deadline=None)
@given(some_rows)
def test_windows_equal_a_count_one_by_one(rows: pd.DataFrame) -> None:
    fast = features(rows, None)
    expected = pd.DataFrame([slow(rows, row) for _, row in rows.iterrows()], index=rows.index)
    equal(fast[list(expected.columns)].astype(float), expected.astype(float))


@settings(max_examples=60, deadline=None)
@given(some_rows, st.integers(0, 40 * 24), st.randoms(use_true_random=False))
def test_rows_from_a_moment_on_change_no_earlier_feature(rows: pd.DataFrame, hour: int, random) -> None:
    moment = START + hour * HOUR
    early = rows["timestamp"] <= moment
    before = features(rows, None)[early]
    equal(features(rows[early], None), before)
    changed = rows.copy()
    changed.loc[~early, "amount"] = random.randint(1, 10**6)
    changed.loc[~early, "customer_id"] = random.randint(1, 3)
    equal(features(changed, None)[early], before)


@settings(max_examples=25, deadline=None)
@given(some_rows)
def test_each_row_with_its_history_is_the_same_online_as_offline(rows: pd.DataFrame) -> None:
    offline = features(rows, None)
    for place in range(len(rows)):
        row = rows.iloc[[place]]
        moment = row["timestamp"].iloc[0]
        recent = (rows["timestamp"] < moment) & (rows["timestamp"] >= moment - pd.Timedelta(days=HISTORY.days))
        related = np.logical_or.reduce([rows[key] == row[key].iloc[0] for key in HISTORY.keys])
        equal(features(row, rows.loc[recent & related, list(HISTORY.columns)]), offline.iloc[[place]])


@settings(max_examples=40, deadline=None)
@given(some_rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_history_does_not_matter(rows: pd.DataFrame, random) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = rows.iloc[order]
    equal(features(shuffled, None), features(rows, None).iloc[order])
    half = len(rows) // 2
    equal(features(shuffled.iloc[:half], shuffled.iloc[half:]), features(rows, None).iloc[order[:half]])


@settings(max_examples=40, deadline=None)
@given(some_rows)
def test_a_request_sent_twice_counts_once(rows: pd.DataFrame) -> None:
    equal(features(rows, rows), features(rows, None))


def test_payments_at_the_same_moment_do_not_count_for_each_other() -> None:
    rows = table([(5, 1, 7, 1000, "fuel"), (5, 1, 7, 2000, "fuel"), (6, 1, 7, 3000, "fuel")])
    assert features(rows, None)["customer_count_1d"].tolist() == [0, 0, 2]
    assert features(rows, None)["customer_mean_1d"].tolist()[2] == 15.0


def test_a_window_holds_its_first_moment_and_not_the_row_itself() -> None:
    rows = table([(0, 1, 7, 1000, "fuel"), (24, 1, 8, 1000, "fuel"), (49, 1, 9, 1000, "fuel")])
    assert features(rows, None)["customer_count_1d"].tolist() == [0, 1, 0]


def test_a_payment_longer_ago_than_the_longest_window_is_forgotten() -> None:
    hours = features(table([(0, 1, 7, 100, "fuel"), (28 * 24, 1, 7, 100, "fuel"), (57 * 24, 1, 7, 100, "fuel")]), None)
    np.testing.assert_array_equal(hours["customer_hours_since_last"], [np.nan, 28 * 24, np.nan])


def test_nothing_before_gives_zero_counts_and_gaps_for_means() -> None:
    first = features(table([(12, 1, 7, 1234, None)]), None).iloc[0]
    assert first["customer_count_28d"] == 0
    assert np.isnan(first["customer_mean_28d"])
    assert np.isnan(first["customer_hours_since_last"])
    assert first["amount"] == 12.34
    assert first["hour"] == 12
    assert first["weekday"] == START.weekday()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_time_does_not_matter(unit: str) -> None:
    rows = table([(hour, 1, 7, 1000 + hour, "fuel") for hour in range(40)])
    converted = rows.assign(timestamp=rows["timestamp"].astype(f"datetime64[{unit}]"))
    equal(features(converted, None), features(rows, None))
    equal(features(converted.tail(1), rows.head(39)), features(rows, None).tail(1))


@pytest.mark.parametrize("category", ["grocery", None])
def test_types_are_the_same_for_one_row_and_for_none(category: str | None) -> None:
    many = features(table([(1, 1, 7, 100, "fuel"), (2, 1, 7, 100, None)]), None)
    one = table([(1, 1, 7, 100, category)])
    for rows in (one, one.astype({"category": object}), one.head(0)):
        assert features(rows, None).dtypes.equals(many.dtypes)
        assert features(rows, one.head(0)).dtypes.equals(many.dtypes)


def test_columns_are_those_promised_and_the_index_stays() -> None:
    rows = table([(1, 1, 7, 100, "fuel"), (2, 1, 7, 100, None)]).set_index(pd.Index(["b", "a"]))
    result = features(rows[::-1], None)
    assert tuple(result.columns) == FEATURES
    assert result.index.tolist() == ["a", "b"]
    assert result.loc["a", "customer_count_1d"] == 1


def test_identifiers_may_be_text() -> None:
    rows = table([(1, 1, 7, 100, "fuel"), (2, 1, 7, 100, None)])
    texts = rows.astype({"customer_id": "str", "terminal_id": "str"})
    equal(features(texts, None), features(rows, None))
