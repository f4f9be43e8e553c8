"""The profile: whatever a column holds is counted, parts merge, and the file is small and comes back the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drift_cases import make_params

from mlgate.drift.cells import KNOWN, cut
from mlgate.drift.profile import Profile, build_profile
from mlgate.errors import DataError

RNG = np.random.default_rng(3)
N = 4_000
ODD = {
    "number": pd.Series(RNG.normal(size=N)),
    "float32": pd.Series(RNG.normal(size=N).astype("float32")),
    "constant": pd.Series(np.full(N, 0.003467)),
    "few_integers": pd.Series(RNG.integers(0, 7, N)),
    "huge": pd.Series(RNG.choice([-1e308, 1e308, 0.0], N)),
    "infinite": pd.Series(np.where(RNG.random(N) < 0.1, np.inf, RNG.normal(size=N))),
    "half_missing": pd.Series(np.where(RNG.random(N) < 0.5, np.nan, 1.5)),
    "all_missing": pd.Series(np.full(N, np.nan)),
    "all_none": pd.Series([None] * N, dtype=object),
    "boolean": pd.Series(RNG.random(N) < 0.3),
    "nullable_boolean": pd.Series(RNG.choice([True, False, None], N), dtype="boolean"),
    "nullable_integer": pd.Series(RNG.choice([1, 2, None], N), dtype="Int64"),
    "moment": pd.Series(pd.Timestamp("2026-01-01") + pd.to_timedelta(RNG.integers(0, 1e6, N), "s")),
    "duration": pd.Series(pd.to_timedelta(RNG.integers(0, 1e6, N), "s")),
    "text": pd.Series(RNG.choice(["a", "b", "<script>", "é"], N)),
    "categorical": pd.Series(RNG.choice(["x", "y"], N), dtype="category"),
    "all_different": pd.Series([f"id-{i}" for i in range(N)]),
    "mixed": pd.Series(RNG.choice(np.array([1, "a", None, 2.5], dtype=object), N)),
}


def days(n: int, count: int = 10) -> pd.Series:
    return pd.Series(pd.Timestamp("2026-01-05") + pd.to_timedelta(np.arange(n) * (86400 * count) // n, "s"))


@pytest.mark.parametrize("name", ODD)
def test_every_value_of_any_kind_of_column_is_counted_once_and_none_of_the_reference_is_new(name: str) -> None:
    column = build_profile(pd.DataFrame({name: ODD[name]}), days(N), None, make_params()).columns[0]
    assert column.total.sum() == N
    assert column.table.shape == (10, column.cells.size + 2)
    assert column.total[column.cells.size] == 0
    assert column.total[-1] == ODD[name].isna().sum()
    assert len(column.cells.labels()) == column.cells.size


@pytest.mark.parametrize("name", ODD)
def test_the_file_brings_back_the_same_profile(name: str) -> None:
    profile = build_profile(pd.DataFrame({name: ODD[name]}), days(N), None, make_params())
    again = Profile.from_json(profile.to_json())
    assert again.to_json() == profile.to_json()
    assert np.array_equal(again.columns[0].table, profile.columns[0].table)
    values = pd.Series(RNG.normal(size=50))
    assert np.array_equal(again.columns[0].cells.assign(values), profile.columns[0].cells.assign(values))


def test_parts_scanned_apart_merge_to_the_whole() -> None:
    frame = pd.DataFrame(ODD)
    profile = build_profile(frame, days(N), None, make_params())
    blocks = RNG.integers(0, 5, N)
    whole = profile.scan(frame, blocks)
    mask = RNG.random(N) < 0.3
    parts = [profile.scan(frame[mask], blocks[mask]), profile.scan(frame[~mask], blocks[~mask])]
    for merged in (parts[0].merge(parts[1]), parts[1].merge(parts[0])):
        assert merged.to_json() == whole.to_json()


def test_profiles_of_different_columns_refuse_to_merge() -> None:
    one, two = (build_profile(pd.DataFrame({name: [1.0, 2.0]}), None, None, make_params()) for name in "ab")
    with pytest.raises(DataError, match="different columns"):
        one.merge(two)


def test_a_frequent_value_and_values_outside_the_reference_have_cells_of_their_own() -> None:
    values = pd.Series(np.where(RNG.random(N) < 0.3, 0.0, RNG.exponential(size=N)))
    cells = cut(values)
    zero, tiny, above, below = cells.assign(pd.Series([0.0, 1e-6, 1e9, -1.0]))
    assert len({zero, tiny, above, below}) == 4
    assert (below, above) == (0, cells.size - 1)
    assert np.mean(cells.assign(values) == zero) == np.mean(values == 0.0)


def test_a_constant_column_notices_any_other_value_but_not_float32_rounding() -> None:
    cells = cut(pd.Series(np.full(100, 0.003467)))
    assert len(np.unique(cells.assign(pd.Series([0.003467, float(np.float32(0.003467))])))) == 1
    assert len(np.unique(cells.assign(pd.Series([0.003467, 0.003468, 0.003466])))) == 3


def test_values_that_came_through_json_fall_into_the_same_cells() -> None:
    for name in ("boolean", "few_integers", "nullable_integer", "moment", "text", "categorical"):
        cells = cut(ODD[name])
        written = ODD[name].astype(str) if name == "moment" else ODD[name]
        back = pd.Series([None if pd.isna(v) else v for v in written.tolist()], dtype=object)
        assert np.array_equal(cells.assign(back), cells.assign(ODD[name])), name


def test_text_in_a_number_and_an_unknown_category_are_novel_not_missing() -> None:
    number, text = cut(ODD["number"]), cut(ODD["text"])
    assert number.assign(pd.Series(["oops", None, "1.5"], dtype=object))[:2].tolist() == [number.size, number.size + 1]
    assert text.assign(pd.Series(["zzz", None], dtype=object)).tolist() == [text.size, text.size + 1]


def test_a_column_of_identifiers_calls_no_value_unknown() -> None:
    cells = cut(ODD["all_different"])
    assert cells.open
    assert cells.assign(pd.Series(["never seen"])).tolist() == [cells.size - 1]


def test_a_profile_names_no_value_that_fewer_than_five_rows_have() -> None:
    """It lies in Git, in each release and on pages: a note about a patient, or a surname that one has, must not."""
    common, few = ["Süd"] * 300 + ["Nord"] * 5, [f"Quittenbaum {n // 4}" for n in range(400)]
    columns = {"few": common + few, "open": common + [f"Quittenbaum {n}" for n in range(400)]}
    columns["open"] += [f"note {n}" for n in range(KNOWN)]
    for name, values in columns.items():
        profile = build_profile(pd.DataFrame({name: values}), None, None, make_params())
        text, cells = profile.to_json(), profile.columns[0].cells
        assert "Quittenbaum" not in text
        assert "note" not in text
        assert "Nord" in text
        assert not any("hash" in label or "Quittenbaum" in label for label in cells.labels())
        seen = Profile.from_json(text).columns[0].cells.assign(pd.Series(["Quittenbaum 7", "Nord", "Wutzel", None]))
        assert seen[3] == cells.size + 1
        assert (seen[2] == cells.size) == (name == "few")  # known again by its hash alone, and another one is not
        assert seen[0] < cells.size


def test_a_column_that_the_window_lacks_is_missing_throughout() -> None:
    profile = build_profile(pd.DataFrame({"a": ODD["number"]}), None, None, make_params())
    assert profile.scan(pd.DataFrame({"b": [1, 2]}), np.zeros(2, dtype=int)).columns[0].total[-1] == 2


def test_the_file_of_a_year_of_forty_columns_is_below_two_megabytes() -> None:
    n = 40_000
    frame = pd.DataFrame({f"x{i}": RNG.normal(size=n) for i in range(40)})
    profile = build_profile(frame, days(n, 365), None, make_params())
    assert len(profile.to_json()) < 2_000_000


def test_an_empty_reference_and_a_broken_file_are_errors() -> None:
    with pytest.raises(DataError, match="no reference rows"):
        build_profile(pd.DataFrame({"a": []}), None, None, make_params())
    for text in ("", "{}", "[]", '{"schema_version": 9}', '{"schema_version": 1, "columns": [{"edges": 1}]}'):
        with pytest.raises(DataError, match=r"profile\.json"):
            Profile.from_json(text)
