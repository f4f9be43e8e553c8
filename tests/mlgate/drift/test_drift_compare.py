"""Tests and effects on counts: right rates under the null, known sizes, agreement with scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlgate.drift.cells import cut
from mlgate.drift.compare import ASPECTS, discoveries, effects, floors, p_values

N, WINDOW, RUNS = 3_000, 400, 400


def counts(cells, values) -> np.ndarray:
    return np.bincount(cells.assign(pd.Series(values)), minlength=cells.size + 2)


def draw(name: str, rng: np.random.Generator, n: int):
    if name == "continuous":
        return rng.normal(size=n)
    if name == "frequent_zero":
        return np.where(rng.random(n) < 0.4, 0.0, rng.exponential(size=n))
    if name == "binary":
        return (rng.random(n) < 0.2).astype(float)
    if name == "five_integers":
        return rng.integers(0, 5, n)
    return rng.choice(list("abcdefgh"), n, p=[0.4, 0.3, 0.15, 0.1, 0.03, 0.01, 0.006, 0.004])


@pytest.mark.parametrize("name", ["continuous", "frequent_zero", "binary", "five_integers", "categories"])
def test_without_change_the_p_value_of_a_distribution_is_uniform(name: str) -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(RUNS):
        reference = draw(name, rng, N)
        cells = cut(pd.Series(reference))
        a, b = counts(cells, reference), counts(cells, draw(name, rng, WINDOW))
        found.append(p_values(cells.kind, a, b)[0])
    p = np.array(found)
    assert abs(np.mean(p <= 0.05) - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / RUNS)
    assert np.mean(p <= 0.01) < 0.01 + 3.5 * np.sqrt(0.01 * 0.99 / RUNS)
    assert abs(np.mean(p <= 0.5) - 0.5) < 0.1


def test_a_shift_of_a_twentieth_of_a_standard_deviation_is_the_floor_of_a_number() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=400_000)
    cells = cut(pd.Series(values))
    found = effects(cells.kind, counts(cells, values), counts(cells, values + 0.05))[0]
    assert found == pytest.approx(floors("number")[0], rel=0.05)


def test_the_effect_of_categories_is_total_variation() -> None:
    cells = cut(pd.Series(["a"] * 50 + ["b"] * 50))
    a, b = counts(cells, ["a"] * 50 + ["b"] * 50), counts(cells, ["a"] * 70 + ["b"] * 30)
    assert effects("category", a, b)[0] == pytest.approx(0.2)


def test_missing_and_novelty_are_shares_and_their_tails_are_fishers_exact_test() -> None:
    cells = cut(pd.Series(["a"] * 96 + [None] * 4))
    a, b = counts(cells, ["a"] * 96 + [None] * 4), counts(cells, ["a"] * 40 + ["new"] * 5 + [None] * 5)
    found = dict(zip(ASPECTS, effects("category", a, b), strict=True))
    assert found["missing"] == pytest.approx(0.1 - 0.04)
    assert found["novelty"] == pytest.approx(0.1)
    p = dict(zip(ASPECTS, p_values("category", a, b), strict=True))
    assert p["missing"] == pytest.approx(stats.fisher_exact([[5, 45], [4, 96]], "greater").pvalue)
    assert p["novelty"] == pytest.approx(stats.fisher_exact([[5, 45], [0, 100]], "greater").pvalue)


def test_values_that_a_small_reference_has_only_once_make_a_new_one_no_surprise() -> None:
    """Years of age in two samples of one population: a value that the first happens to lack says nothing."""
    rng, found = np.random.default_rng(5), []
    for _ in range(RUNS):
        a, b = (np.round(rng.normal(50, 14, size)) for size in (206, 236))
        cells = cut(pd.Series(a))
        found.append(p_values("number", counts(cells, a), counts(cells, b))[ASPECTS.index("novelty")])
    assert np.mean(np.array(found) < 0.01) < 0.02
    other = counts(cells, np.full(236, 120.0))
    assert p_values("number", counts(cells, a), other)[ASPECTS.index("novelty")] < 1e-9


def test_a_few_rows_that_move_to_the_end_show_in_the_tails() -> None:
    values = np.random.default_rng(2).uniform(size=20_000)
    cells = cut(pd.Series(values))
    moved = values[:4_000].copy()
    moved[:60] = 0.999
    reference, current = counts(cells, values), counts(cells, moved)
    found = effects("number", reference, current)
    assert found[0] < floors("number")[0]
    assert found[3] == pytest.approx(0.0147, abs=0.004)
    assert p_values("number", reference, current)[3] < 1e-6


@pytest.mark.parametrize("values", [[], [None] * 30, [7.0], [np.inf, -np.inf], ["text"]])
@pytest.mark.parametrize("reference", [[1.0, 2.0, 3.0], [5.0] * 9, [None] * 9, [np.inf]])
def test_windows_of_anything_give_finite_effects_and_p_values(reference: list, values: list) -> None:
    cells = cut(pd.Series(reference))
    a, b = counts(cells, reference), counts(cells, pd.Series(values, dtype=object))
    assert np.isfinite(effects(cells.kind, a, b)).all()
    p = p_values(cells.kind, a, b)
    assert ((p >= 0) & (p <= 1)).all()


def test_benjamini_hochberg_steps_up() -> None:
    p = np.array([0.001, 0.013, 0.014, 0.2, 0.9])
    assert discoveries(p, 0.025).tolist() == [True, True, True, False, False]
    assert not discoveries(np.array([0.02, 0.5]), 0.01).any()
