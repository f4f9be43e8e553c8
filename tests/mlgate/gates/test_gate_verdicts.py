"""Verdicts: what passes, what is red, and above all what can't be judged and so never passes."""

from __future__ import annotations

import numpy as np
import pytest
from gaussian import World

from mlgate.errors import DataError
from mlgate.gates.champion import champion_gate
from mlgate.gates.floor import floor_gate
from mlgate.gates.intervals import TooFew, difference, interval, standard_error
from mlgate.gates.metrics import METRICS
from mlgate.gates.power import pass_rate, power, power_check
from mlgate.gates.sample import sample

AP, AUC = METRICS["average_precision"], METRICS["roc_auc"]
WORLD = World(2000, 0.2)


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y, one, two, _ = WORLD.draw(np.random.default_rng(1))
    return y, one, two


def delong(y: np.ndarray, s: np.ndarray) -> float:
    """Standard error of the AUC, written out as in the paper."""
    positive, negative = s[y == 1], s[y == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return float(np.sqrt(wins.mean(1).var(ddof=1) / len(positive) + wins.mean(0).var(ddof=1) / len(negative)))


@pytest.mark.parametrize("decimals", [1, 16])
def test_standard_error_of_the_auc_is_delongs(rows: tuple[np.ndarray, ...], decimals: int) -> None:
    y, s = rows[0][:400], np.round(rows[1][:400], decimals)
    assert standard_error(AUC.influence(y, s), sample(y, s, None, AUC.tasks)) == pytest.approx(delong(y, s), rel=1e-12)


def test_floor_passes_only_where_the_bound_clears_it(rows: tuple[np.ndarray, ...]) -> None:
    y, s, _ = rows
    found = interval(y, s, None, AP, 0.975)
    assert floor_gate(y, s, None, AP, found.low - 1e-6, 0.975).status == "pass"
    assert floor_gate(y, s, None, AP, found.low + 1e-6, 0.975).status == "fail"
    assert found.low + 1e-6 < found.value


def test_floor_of_a_loss_is_a_ceiling(rows: tuple[np.ndarray, ...]) -> None:
    y, s, _ = rows
    found = interval(y, s, None, METRICS["log_loss"], 0.975)
    assert floor_gate(y, s, None, METRICS["log_loss"], found.high + 1e-6, 0.975).status == "pass"
    assert floor_gate(y, s, None, METRICS["log_loss"], found.high - 1e-6, 0.975).status == "fail"


def test_identical_predictions_pass_with_a_difference_of_zero(rows: tuple[np.ndarray, ...]) -> None:
    y, s, _ = rows
    check = champion_gate(y, s, s.copy(), None, AP, 0.001, 0.975)
    assert (check.status, check.observed) == ("pass", 0.0)


def test_difference_is_signed_so_that_higher_is_better(rows: tuple[np.ndarray, ...]) -> None:
    y, s, _ = rows
    blurred = np.full(len(y), y.mean()) * 0.5 + s * 0.5
    assert difference(y, s, blurred, None, METRICS["log_loss"], 0.975).value > 0
    assert champion_gate(y, blurred, s, None, METRICS["log_loss"], 0.001, 0.975).status == "fail"
    assert champion_gate(y, s, blurred, None, METRICS["log_loss"], 0.001, 0.975).status == "pass"


def test_interval_is_the_same_when_asked_twice_and_in_any_order(rows: tuple[np.ndarray, ...]) -> None:
    y, s, _ = rows
    order = np.random.default_rng(0).permutation(len(y))
    first = interval(y, s, None, AP, 0.975)
    assert first.method == "studentised bootstrap"
    assert interval(y, s, None, AP, 0.975) == first
    again = interval(y[order], s[order], None, AP, 0.975)
    assert (again.low, again.high) == pytest.approx((first.low, first.high), abs=1e-12)


def test_bootstrap_of_clusters_of_one_row_agrees_with_the_one_of_rows(rows: tuple[np.ndarray, ...]) -> None:
    y, s, _ = rows
    alone, single = (interval(y, s, c, AP, 0.975) for c in (None, np.arange(len(y))))
    assert single.se == pytest.approx(alone.se, rel=0.01)
    assert (single.low, single.high) == pytest.approx((alone.low, alone.high), abs=0.3 * alone.se)


def replaced(s: np.ndarray, value: float) -> np.ndarray:
    changed = s.copy()
    changed[11] = value
    return changed


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda y, s: (y, replaced(s, np.nan)), "NaN or infinite in 1 rows, first in row 11"),
        (lambda y, s: (y, replaced(s, np.inf)), "NaN or infinite"),
        (lambda y, s: (y, replaced(s, 1.0001)), "outside"),
        (lambda y, s: (y, replaced(s, -1e-9)), "outside"),
        (lambda y, s: (y, s[:-1]), "1,999 scores for 2,000 rows"),
        (lambda y, s: (y[:0], s[:0]), "no rows"),
        (lambda y, s: (np.ones_like(y), s), "one class only"),
        (lambda y, s: (np.zeros_like(y), s), "one class only"),
        (lambda y, s: (y * 2, s), "other than 0 and 1"),
        (lambda y, s: (y, s.astype(str)), "not a number in every row"),
        (lambda y, s: (np.where(y == 1, None, y), s), "not a number in every row"),
        (lambda y, s: (y, y.astype(float)), "standard error of 0"),
        (lambda y, s: (y, np.column_stack([1 - s, s])), "shape"),
        (lambda y, s: (y * (np.cumsum(y) <= 49), s), "49 positives; a verdict needs 50"),
        (lambda y, s: (1 - (1 - y) * (np.cumsum(1 - y) <= 49), s), "49 negatives; a verdict needs 50"),
    ],
)
def test_what_cannot_be_judged_is_an_error_never_a_pass(rows: tuple[np.ndarray, ...], spoil: object, word: str) -> None:
    y, s = spoil(rows[0], rows[1])  # type: ignore[operator]
    for metric in (AP, AUC):
        floor = floor_gate(y, s, None, metric, 0.0, 0.975)
        assert floor.status == "error"
        assert floor.mend
        assert word in floor.evidence


def test_constant_scores_are_an_error_in_every_rank_metric(rows: tuple[np.ndarray, ...]) -> None:
    y, s = rows[0], np.full(len(rows[0]), 0.3)
    assert "standard error of 0" in floor_gate(y, s, None, AUC, 0.0, 0.975).evidence


@pytest.mark.parametrize("bad", [np.nan, np.inf, 2.0])
def test_champion_gate_fails_closed_on_either_models_scores(rows: tuple[np.ndarray, ...], bad: float) -> None:
    y, s, t = rows
    assert champion_gate(y, replaced(s, bad), t, None, AP, 0.5, 0.975).status == "error"
    assert champion_gate(y, s, replaced(t, bad), None, AP, 0.5, 0.975).status == "error"
    assert champion_gate(y, s, t[:-1], None, AP, 0.5, 0.975).status == "error"


def test_models_that_differ_alike_in_every_row_are_an_error() -> None:
    y = np.arange(300.0)
    check = champion_gate(y, y + 2, y + 1, None, METRICS["mae"], 5.0, 0.975)
    assert check.status == "error"
    assert "standard error 0" in check.evidence


def test_near_perfect_auc_needs_200_of_each_class() -> None:
    y, s, _, _ = World(1000, 0.1, shift=3.2).draw(np.random.default_rng(0))
    with pytest.raises(TooFew, match=r"needs 200 at an AUC of \.9|needs 200 at an AUC of 0\.9"):
        interval(y, s, None, AUC, 0.975)
    assert interval(y, s, None, AP, 0.975).low > 0


def test_fewer_than_100_clusters_or_50_with_a_positive_are_too_few(rows: tuple[np.ndarray, ...]) -> None:
    y, s, _ = rows
    with pytest.raises(TooFew, match="99 clusters; a verdict needs 100"):
        interval(y, s, np.arange(len(y)) % 99, AP, 0.975)
    lumped = np.where(y == 1, np.arange(len(y)) % 40, 1000 + np.arange(len(y)) % 200)
    with pytest.raises(TooFew, match="positives in 40 clusters; a verdict needs 50"):
        interval(y, s, lumped, AP, 0.975)


@pytest.mark.parametrize("clusters", [np.r_[np.full(1999, 1.0), np.nan], np.array([None] * 2000), np.arange(10)])
def test_rows_without_a_cluster_are_an_error(rows: tuple[np.ndarray, ...], clusters: np.ndarray) -> None:
    with pytest.raises(DataError, match="cluster"):
        interval(rows[0], rows[1], clusters, AP, 0.975)


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_regression_needs_100_finite_rows_and_a_target_that_varies(metric: str) -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=99)
    assert "99 rows; a verdict needs 100" in floor_gate(y, y + 0.1, None, METRICS[metric], 0.0, 0.975).evidence
    assert floor_gate(np.ones(200), random.normal(size=200), None, METRICS[metric], 9.0, 0.975).status == "error"
    assert floor_gate(np.full(200, np.nan), np.ones(200), None, METRICS[metric], 9.0, 0.975).status == "error"


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda y, s: (y, s * 1.01), "do not sum to 1|outside"),
        (lambda y, s: (y + 1, s), "other than the classes"),
        (lambda y, s: (y * 0, s), "one class only"),
        (lambda y, s: (y[:99], s[:99]), "99 rows"),
        (lambda y, s: (y, np.eye(3)[y]), "standard error of 0"),
    ],
)
def test_multiclass_scores_are_checked(spoil: object, word: str) -> None:
    random = np.random.default_rng(0)
    y, s = spoil(random.integers(0, 3, 300), random.dirichlet([1, 1, 1], 300))  # type: ignore[operator]
    with pytest.raises(DataError, match=word):
        interval(y, s, None, METRICS["accuracy"], 0.975)


def test_power_is_said_in_numbers_before_the_comparison() -> None:
    y = np.r_[np.ones(312), np.zeros(3000)]
    s = np.clip(y * 0.2 + np.random.default_rng(0).uniform(0, 0.8, len(y)), 0, 1)
    check = power_check(y, s, None, AP, 0.021, 0.975)
    said = "312 positives: a margin of 0.021 would pass an equal model in 31 % of cases; 80 % needs 0.0398"
    assert check.evidence == said
    assert check.status == "fail"
    assert "raise gates.champion.margin to 0.04" in check.mend


@pytest.mark.parametrize(
    ("margin", "status", "warns"), [(0.02, "fail", False), (0.03, "pass", True), (0.05, "pass", False)]
)
def test_margin_is_refused_below_1_96_se_and_warned_of_below_2_8(margin: float, status: str, warns: bool) -> None:
    y = np.r_[np.ones(400), np.zeros(3000)]  # expected se .25 / 20 = .0125
    s = np.clip(y * 0.2 + np.random.default_rng(0).uniform(0, 0.8, len(y)), 0, 1)
    check = power_check(y, s, None, AP, margin, 0.975)
    assert (check.status, check.evidence.startswith("warning")) == (status, warns)
    assert power_check(y, s, None, AP, margin, 0.975, first_release=True).status == "skip"


def test_dependent_rows_make_the_expected_error_larger() -> None:
    y, s, _, codes = World(8000, 0.1, clusters=400).draw(np.random.default_rng(2))
    assert power(y, s, codes, AP, 0.03, 0.975).se > 1.3 * power(y, s, None, AP, 0.03, 0.975).se


def test_pass_rate_of_an_equal_model_is_one_where_nothing_varies() -> None:
    assert pass_rate(0.01, 0.0, 100, 0.975) == 1.0
    assert pass_rate(0.0, 1.0, 10**6, 0.975) == pytest.approx(0.025, abs=1e-4)
