"""Metrics equal scikit-learn's, ties included; each influence function is the derivative of its metric."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from mlgate.errors import ConfigError
from mlgate.gates import influence
from mlgate.gates.metrics import METRICS, find, for_task, precision_at_capacity

binary = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=2, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)
THEIRS = {
    "average_precision": reference.average_precision_score,
    "roc_auc": reference.roc_auc_score,
    "log_loss": lambda y, s: reference.log_loss(y, s, labels=[0, 1]),
    "brier": reference.brier_score_loss,
}


@given(binary)
@settings(max_examples=150, deadline=None)
def test_binary_metrics_equal_scikit_learn_with_ties_and_extremes(rows: list[tuple[int, int]]) -> None:
    y, s = np.array(rows).T
    s = s / 12
    for name, theirs in THEIRS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert METRICS[name].value(y, s) == pytest.approx(theirs(y, s), abs=1e-12, rel=1e-12), name


@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_rank_metrics_equal_scikit_learn_on_many_rows(decimals: int) -> None:
    random = np.random.default_rng(decimals)
    y = (random.random(20_000) < 0.03).astype(int)
    s = np.round(1 / (1 + np.exp(-random.normal(size=len(y)) - 2 * y)), decimals)
    for name in ("average_precision", "roc_auc"):
        assert METRICS[name].value(y, s) == pytest.approx(THEIRS[name](y, s), abs=1e-12)


def test_multiclass_metrics_equal_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 500)
    s = random.dirichlet([1, 1, 1], 500)
    s[0] = (1.0, 0.0, 0.0)
    assert METRICS["log_loss"].value(y, s) == pytest.approx(reference.log_loss(y, s), abs=1e-12)
    assert METRICS["accuracy"].value(y, s) == pytest.approx(reference.accuracy_score(y, s.argmax(1)), abs=1e-12)


def test_regression_metrics_equal_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y = random.normal(50, 10, 400)
    s = y + random.normal(0, 3, 400)
    assert METRICS["rmse"].value(y, s) == pytest.approx(reference.root_mean_squared_error(y, s), abs=1e-12)
    assert METRICS["mae"].value(y, s) == pytest.approx(reference.mean_absolute_error(y, s), abs=1e-12)
    assert METRICS["r2"].value(y, s) == pytest.approx(reference.r2_score(y, s), abs=1e-12)


def samples(name: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    if "binary" in METRICS[name].tasks:
        y = (random.random(120) < 0.3).astype(float)
        return y, np.round(1 / (1 + np.exp(-random.normal(size=120) - y)), 1).clip(0.05, 0.95)
    if "multiclass" in METRICS[name].tasks:
        return random.integers(0, 3, 120).astype(float), random.dirichlet([2, 2, 2], 120)
    y = random.normal(size=120)
    return y, y + random.normal(size=120)


@pytest.mark.parametrize("name", list(METRICS))
def test_influence_is_the_metrics_own_derivative(name: str) -> None:
    y, s = samples(name)
    metric, n, many = METRICS[name], len(y), 4000
    psi = metric.influence(y, s)
    assert psi.mean() == pytest.approx(0, abs=1e-12)
    for row in (0, 17, 63, 119):  # mixing one row in with weight eps must move the metric by eps * psi
        heavier = np.r_[np.tile(np.arange(n), many), np.full(n, row)]
        eps = n / len(heavier)
        slope = (metric.value(y[heavier], s[heavier]) - metric.value(y, s)) / eps
        assert slope == pytest.approx(psi[row], abs=2e-3 * max(1, np.abs(psi).max()))


def test_cells_keep_every_tie() -> None:
    y = np.array([1, 0, 1, 0, 0, 0, 1])
    s = np.array([0.5, 0.5, 0.2, 0.1, 0.3, 0.9, 0.5])
    cell, number = influence.cells(y, s)
    assert (cell.tolist(), number) == ([3, 3, 1, 0, 2, 4, 3], 5)


def test_precision_at_capacity_is_the_mean_over_days_of_the_top_scores() -> None:
    y = np.array([1, 0, 0, 1, 1, 0])
    s = np.array([0.9, 0.8, 0.1, 0.2, 0.7, 0.9])
    days = np.array([1, 1, 1, 2, 2, 2])
    assert precision_at_capacity(y, s, days, 2).tolist() == [0.5, 0.5]
    assert precision_at_capacity(y, s, days, 10).tolist() == pytest.approx([1 / 3, 2 / 3])


def test_precision_at_capacity_shares_the_last_place_among_ties() -> None:
    y, s = np.array([1, 1, 0, 0]), np.array([0.9, 0.5, 0.5, 0.5])
    found = precision_at_capacity(y, s, np.zeros(4), 2)
    assert found.tolist() == pytest.approx([(1 + 1 / 3) / 2])
    assert found == pytest.approx(precision_at_capacity(y[::-1], s[::-1], np.zeros(4), 2))


def test_each_task_has_its_metrics_and_a_wrong_one_is_refused_by_name() -> None:
    assert set(for_task("binary")) == {"average_precision", "roc_auc", "log_loss", "brier"}
    assert set(for_task("multiclass")) == {"log_loss", "accuracy"}
    assert set(for_task("regression")) == {"rmse", "mae", "r2"}
    with pytest.raises(ConfigError, match="'f1' is no metric of a binary task"):
        find("f1", "binary")
