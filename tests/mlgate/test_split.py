"""Training rows and holdout: cut by time or by entity, the same on every machine and in every order of rows."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgate.errors import ConfigError, DataError
from mlgate.params import Params, parse
from mlgate.table.split import cluster_hashes, row_hashes, split

NO_TIME = {"time": None, "label_time": None}


def params(data: dict[str, Any] | None = None, **cut: Any) -> Params:
    parts = {"id": "id", "time": "at", "label_time": "known", "cluster": "who"}
    return parse(
        {
            "project": {"name": "x", "slug": "x", "owner": "x"},
            "data": {"task": "binary", "target": "y", **parts, **(data or {})},
            "quality": {},
            "split": {"holdout": "10d", **cut},
            "model": {},
            "gates": {"metric": "roc_auc", "floor": {"threshold": 0.5}, "champion": {"margin": 0.1}},
            "monitor": {"window": "1d"},
            "serving": {"ports": {"staging": 1, "production": 2}},
        }
    )


def table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """n rows over forty days whose labels take up to six days."""
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.uniform(0, 40 * 86400, n).round(), unit="s")
    at = pd.Series(at.sort_values()).astype("datetime64[us]")
    return pd.DataFrame(
        {
            "id": np.arange(n) + 1000,
            "at": at,
            "who": rng.integers(0, 60, n),
            "x": rng.normal(size=n).round(3),
            "word": rng.choice(["a", "b", "ü", None], n),
            "y": rng.integers(0, 2, n),
            "known": at + pd.to_timedelta(rng.uniform(0, 6 * 86400, n).round(), unit="s"),
        }
    )


def test_the_holdout_is_the_newest_days_and_begins_at_midnight() -> None:
    frame = table()
    cut = split(frame, params())
    assert cut.cut == pd.Timestamp("2026-01-31")
    assert frame["at"][cut.holdout].min() >= cut.cut
    assert (frame["at"] >= cut.cut).sum() == cut.holdout.sum()
    assert cut.trained_until == frame["at"][cut.train].max()


def test_training_leaves_out_the_gap_and_labels_that_had_not_arrived() -> None:
    frame = table()
    with_gap = split(frame, params(gap="3d"))
    assert frame["at"][with_gap.train].max() < with_gap.cut - pd.Timedelta(days=3)
    assert frame["known"][with_gap.train].max() <= with_gap.cut
    late = (frame["at"] < with_gap.cut - pd.Timedelta(days=3)) & (frame["known"] > with_gap.cut)
    assert late.any()
    assert not with_gap.train[late].any()
    assert not (with_gap.train & with_gap.holdout).any()


def test_a_label_that_never_arrived_does_not_train() -> None:
    frame = table()
    frame.loc[:20, "known"] = pd.NaT
    assert not split(frame, params()).train[:21].any()


def test_a_share_by_time_takes_the_newest_rows_and_never_parts_a_moment() -> None:
    frame = table()
    frame["at"] = frame["at"].dt.floor("D")
    cut = split(frame, params({"label_time": None}, holdout=0.25))
    assert 0.25 <= cut.holdout.mean() < 0.3
    assert frame["at"][cut.train].max() < frame["at"][cut.holdout].min()


def test_hours_and_minutes_cut_on_the_hour_and_the_minute() -> None:
    frame = table()
    assert split(frame, params(holdout="36h")).cut.minute == 0
    assert split(frame, params(holdout="90m", gap="1d")).cut.second == 0


def test_newer_rows_move_the_cut_and_old_holdouts_become_training() -> None:
    frame = table()
    later = pd.concat([frame, table(seed=1).assign(at=lambda t: t["at"] + pd.Timedelta(days=20))], ignore_index=True)
    before, after = split(frame, params()), split(later, params())
    assert after.cut == before.cut + pd.Timedelta(days=20)
    assert before.holdout_digest != after.holdout_digest


def test_by_hash_no_entity_is_on_both_sides_and_the_share_is_kept() -> None:
    frame = table(20_000).assign(who=lambda t: t["id"] // 4)
    cut = split(frame, params(NO_TIME, holdout=0.2))
    assert not set(frame["who"][cut.train]) & set(frame["who"][cut.holdout])
    assert (cut.train ^ cut.holdout).all()
    assert cut.holdout.mean() == pytest.approx(0.2, abs=0.02)
    assert cut.cut is None
    assert cut.trained_until is None


@pytest.mark.parametrize("data", [NO_TIME, {**NO_TIME, "cluster": None}, {**NO_TIME, "cluster": None, "id": None}])
def test_by_hash_no_row_ever_changes_its_side_as_the_data_grow(data: dict[str, Any]) -> None:
    frame, more = table(), table(seed=1).assign(id=lambda t: t["id"] + 10_000)
    before = split(frame, params(data, holdout=0.3))
    after = split(pd.concat([more, frame], ignore_index=True), params(data, holdout=0.3))
    np.testing.assert_array_equal(after.holdout[len(more) :], before.holdout)


def test_another_salt_chooses_another_holdout() -> None:
    one, other = (split(table(), params(NO_TIME, holdout=0.3, salt=salt)) for salt in ("a", "b"))
    assert (one.holdout != other.holdout).any()


def test_a_corrected_label_moves_no_row_and_is_seen_in_the_digest() -> None:
    data = {**NO_TIME, "cluster": None, "id": None}
    frame = table()
    before = split(frame, params(data, holdout=0.3))
    place = int(np.flatnonzero(before.holdout)[0])
    corrected = frame.assign(y=frame["y"].where(frame.index != place, 1 - frame["y"]))
    after = split(corrected, params(data, holdout=0.3))
    np.testing.assert_array_equal(before.holdout, after.holdout)
    assert before.holdout_digest != after.holdout_digest
    assert before.train_digest == after.train_digest
    np.testing.assert_array_equal(row_hashes(frame, params(data)), row_hashes(corrected, params(data)))


@pytest.mark.parametrize("column", ["x", "word", "who", "at", "y"])
def test_any_value_changed_in_the_holdout_changes_its_digest(column: str) -> None:
    frame = table()
    before = split(frame, params())
    place = int(np.flatnonzero(before.holdout)[3])
    new = {"x": 99.5, "word": "c", "who": 61, "at": frame["at"][place] + pd.Timedelta(seconds=1), "y": 2}
    frame.loc[place, column] = new[column]
    assert split(frame, params()).holdout_digest != before.holdout_digest


@pytest.mark.parametrize("data", [{}, NO_TIME])
def test_digests_and_hashes_do_not_depend_on_the_order_of_rows_or_columns(data: dict[str, Any]) -> None:
    frame, chosen = table(), params(data, holdout=0.3)
    shuffled = frame.sample(frac=1, random_state=3)[frame.columns[::-1]]
    one, other = split(frame, chosen), split(shuffled, chosen)
    assert (one.train_digest, one.holdout_digest) == (other.train_digest, other.holdout_digest)
    moved = pd.Series(row_hashes(shuffled, chosen), index=shuffled.index)[frame.index]
    np.testing.assert_array_equal(row_hashes(frame, chosen), moved)


def test_the_type_of_a_column_does_not_matter() -> None:
    frame, chosen = table(), params({"id": None})
    other = frame.astype(
        {"who": "Int64", "y": "bool", "at": "datetime64[ns]", "known": "datetime64[s]", "word": "category", "id": float}
    )
    assert split(frame, chosen).holdout_digest == split(other, chosen).holdout_digest
    np.testing.assert_array_equal(row_hashes(frame, chosen), row_hashes(other, chosen))


def test_hashes_are_those_of_every_process_and_of_yesterday() -> None:
    code = (
        "import pandas as pd; from mlgate.table.row_hash import hash_columns; "
        "f = pd.DataFrame({'a': [1, -7, 3], 'b': ['x', None, 'ü'], 'c': [0.5, None, 2.0]}); "
        "print([int(h) for h in hash_columns(f, ['a', 'b', 'c'])])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[7959469626614451717, 17901135617915498714, 7317316330810142402]"


def test_copies_of_a_row_stay_apart_and_on_one_side() -> None:
    data = {**NO_TIME, "cluster": None, "id": None}
    frame = pd.concat([table(), table().head(50), table().head(50)], ignore_index=True)
    hashes, cut = row_hashes(frame, params(data)), split(frame, params(data, holdout=0.3))
    assert len(np.unique(hashes)) == len(frame)
    np.testing.assert_array_equal(cut.holdout[:50], cut.holdout[400:450])
    assert set(row_hashes(frame.head(400), params(data))) <= set(hashes)


def test_clusters_are_hashed_or_declared_absent() -> None:
    frame = table()
    clusters = cluster_hashes(frame, params())
    assert clusters is not None
    assert len(np.unique(clusters)) == frame["who"].nunique()
    assert cluster_hashes(frame, params({"cluster": None})) is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(-(2**62), 2**62), st.floats(allow_nan=True), st.booleans(), st.none(), st.text()),
        min_size=1,
    )
)
def test_any_column_can_be_hashed(values: list[Any]) -> None:
    frame = pd.DataFrame({"id": pd.Series(values, dtype=object)})
    one, again = (row_hashes(frame, params({**NO_TIME, "cluster": None, "id": None})) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert len(np.unique(one)) == len(values)


@pytest.mark.parametrize(
    ("frame", "changes", "error", "said"),
    [
        (table().drop(columns="at"), {}, DataError, "no column 'at'"),
        (table().drop(columns="y"), {}, DataError, "no column 'y'"),
        (table().head(0), {}, DataError, "no rows"),
        (
            table().assign(at=lambda t: t["at"].mask(t.index == 7)),
            {},
            DataError,
            "'at' is null in 1 rows, first in row 7",
        ),
        (table().assign(at="monday"), {}, DataError, "'at' is str, not a time"),
        (table(), {"holdout": "50d"}, DataError, "no rows for training"),
        (table(), {"holdout": "9d", "gap": "31d"}, DataError, "no rows for training"),
        (table().assign(known=lambda t: t["known"] + pd.Timedelta(days=90)), {}, DataError, "no rows for training"),
        (table().assign(who=1), {"holdout": 0.3, "data": NO_TIME}, DataError, "no rows for"),
        (table(), {"data": NO_TIME}, ConfigError, "split.holdout is a duration"),
    ],
)
def test_what_cannot_be_split_is_refused_with_a_reason(frame, changes, error, said: str) -> None:
    with pytest.raises(error, match=said) as refused:
        split(frame, params(**changes))
    assert refused.value.mend
