"""Intervals against known truth, by simulation: seeded, so that a verdict of this file does not depend on luck.

The bounds on the counts are three standard deviations of a binomial away from what docs/gates.md claims.
"""

from __future__ import annotations

import numpy as np
import pytest
from gaussian import World

from mlgate.gates import bootstrap
from mlgate.gates.champion import champion_gate
from mlgate.gates.floor import floor_gate
from mlgate.gates.intervals import Interval, difference, interval
from mlgate.gates.metrics import METRICS
from mlgate.gates.power import expected_se, pass_rate
from mlgate.gates.sample import sample

FEW = {
    "60 positives of 300": World(300, 0.25),
    "160 positives of 1,600": World(1600, 0.1),
}
MANY = {
    "1,000 positives of 2,000": World(2000, 0.5),
    "600 positives of 6,000": World(6000, 0.1),
}


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 299)


def misses(found: list[Interval], truth: float) -> tuple[float, float]:
    """Shares of lower bounds above the truth, and of upper bounds below it; 2.5 % each is nominal."""
    return float(np.mean([i.low > truth for i in found])), float(np.mean([i.high < truth for i in found]))


@pytest.mark.parametrize("name", ["average_precision", "roc_auc"])
@pytest.mark.parametrize("world", FEW.values(), ids=FEW)
def test_studentised_bootstrap_covers_the_truth(world: World, name: str) -> None:
    random, found = np.random.default_rng(11), []
    for _ in range(150):
        y, s, _, _ = world.draw(random)
        found.append(interval(y, s, None, METRICS[name], 0.975))
    assert {i.method for i in found} == {"studentised bootstrap"}
    assert max(misses(found, world.truth[name])) <= 0.06


@pytest.mark.parametrize("name", ["average_precision", "roc_auc", "log_loss", "brier"])
@pytest.mark.parametrize("world", MANY.values(), ids=MANY)
def test_bounds_without_resampling_cover_the_truth(world: World, name: str) -> None:
    random, found = np.random.default_rng(12), []
    for _ in range(250):
        y, s, _, _ = world.draw(random)
        found.append(interval(y, s, None, METRICS[name], 0.975))
    assert max(misses(found, world.truth[name])) <= 0.055


@pytest.mark.parametrize(("name", "truth"), [("mae", np.sqrt(2 / np.pi)), ("rmse", 1.0), ("r2", 0.8)])
def test_regression_bounds_cover_the_truth(name: str, truth: float) -> None:
    random, found = np.random.default_rng(13), []
    for _ in range(500):
        s = random.normal(0, 2, 250)
        found.append(interval(s + random.normal(size=250), s, None, METRICS[name], 0.975))
    assert max(misses(found, truth)) <= 0.05


def test_accuracy_bounds_cover_the_truth() -> None:
    random, found = np.random.default_rng(14), []
    for _ in range(500):
        y = random.integers(0, 3, 250)
        right = random.random(250) < 0.9
        found.append(interval(y, np.eye(3)[np.where(right, y, (y + 1) % 3)], None, METRICS["accuracy"], 0.975))
    assert max(misses(found, 0.9)) <= 0.05


@pytest.mark.parametrize("name", ["average_precision", "roc_auc", "log_loss", "brier"])
@pytest.mark.parametrize("world", [World(300, 0.25), World(3000, 0.1, clusters=300)], ids=["rows", "clusters"])
def test_paired_difference_of_equal_models_covers_zero(world: World, name: str) -> None:
    random, found = np.random.default_rng(15), []
    for _ in range(250):
        y, one, two, codes = world.draw(random)
        found.append(difference(y, one, two, codes, METRICS[name], 0.975))
    assert max(misses(found, 0.0)) <= 0.06


def test_dependent_rows_judged_as_independent_are_wrong_and_by_cluster_right() -> None:
    world, random = World(4000, 0.25, clusters=400, icc=0.5), np.random.default_rng(16)
    naive, clustered = [], []
    for _ in range(200):
        y, one, two, codes = world.draw(random)
        naive.append(difference(y, one, two, None, METRICS["average_precision"], 0.975))
        clustered.append(difference(y, one, two, codes, METRICS["average_precision"], 0.975))
    assert sum(misses(naive, 0.0)) >= 0.15
    assert sum(misses(clustered, 0.0)) <= 0.10


def test_floor_passes_a_model_that_is_exactly_at_it_in_few_cases() -> None:
    world, random, passed = World(1500, 0.1), np.random.default_rng(17), 0
    for _ in range(150):
        y, s, _, _ = world.draw(random)
        passed += floor_gate(y, s, None, METRICS["roc_auc"], world.truth["roc_auc"], 0.975).status == "pass"
    assert passed / 150 <= 0.06


def test_equal_models_pass_as_often_as_their_power_says() -> None:
    world, random = World(6000, 0.1), np.random.default_rng(18)
    bounds, errors = [], []
    for _ in range(300):
        y, one, two, _ = world.draw(random)
        found = difference(y, one, two, None, METRICS["average_precision"], 0.975)
        bounds.append(found.low)
        errors.append(found.se)
    expected = expected_se(sample(y, one, None, ("binary",)), METRICS["average_precision"])
    for margin in (0.02, 0.03, 0.04):
        passed = float(np.mean(np.array(bounds) > -margin))
        assert passed == pytest.approx(pass_rate(margin, float(np.mean(errors)), 599, 0.975), abs=0.07)
    assert expected == pytest.approx(np.mean(errors), rel=0.4)  # the rule of thumb, said before the champion is seen


def test_model_that_is_a_margin_worse_passes_in_few_cases() -> None:
    good, random, passed = World(6000, 0.1), np.random.default_rng(19), 0
    worse = World(6000, 0.1, shift=1.3)
    margin = good.truth["average_precision"] - worse.truth["average_precision"]
    for _ in range(200):
        y, champion, other, _ = good.draw(random)
        odds = np.log(other / (1 - other))
        weaker = (odds - 1.5 * 0.2 * y) / 1.5  # the same model, with positives shifted less
        challenger = 1 / (1 + np.exp(-weaker))
        passed += (
            champion_gate(y, challenger, champion, None, METRICS["average_precision"], margin, 0.975).status == "pass"
        )
    assert passed / 200 <= 0.06


def test_case_10_labels_flipped_in_training_are_blocked_and_a_retrained_equal_passes() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(20)
    x = random.normal(size=(24_000, 6))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + random.normal(0, 0.7, len(x)) > 2.4).astype(int)
    train, judge = slice(0, 10_000), slice(14_000, None)

    def fitted(labels: np.ndarray, rows: slice) -> np.ndarray:
        model = HistGradientBoostingClassifier(max_iter=40, min_samples_leaf=40, random_state=0)
        return np.asarray(model.fit(x[rows], labels[rows]).predict_proba(x[judge])[:, 1])

    champion = fitted(y, train)
    flipped = np.where(random.random(len(y)) < 0.10, 1 - y, y)
    metric = METRICS["average_precision"]
    again = champion_gate(y[judge], fitted(y, slice(2_000, 12_000)), champion, None, metric, 0.04, 0.975)
    spoiled = champion_gate(y[judge], fitted(flipped, train), champion, None, metric, 0.04, 0.975)
    assert (again.status, spoiled.status) == ("pass", "fail")


def test_case_35_labels_that_are_poisoned_a_little_more_each_time_are_stopped_above_the_floor() -> None:
    """A kind of fraud that the model lets pass comes back to it as no fraud, a twentieth more each time. A step costs
    less than the margin, and the champion that the next is compared with is spoiled already; the floor stays."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(35)
    x = random.normal(size=(24_000, 6))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + random.normal(0, 0.7, len(x)) > 2.4).astype(int)
    train, judge, metric = slice(0, 12_000), slice(12_000, None), METRICS["average_precision"]
    kind = np.flatnonzero((y[train] == 1) & (x[train, 1] * x[train, 2] > 1))

    def fitted(poisoned: int) -> np.ndarray:
        labels = y[train].copy()
        labels[kind[:poisoned]] = 0
        model = HistGradientBoostingClassifier(max_iter=40, min_samples_leaf=40, random_state=0)
        return np.asarray(model.fit(x[train], labels).predict_proba(x[judge])[:, 1])

    champion = fitted(0)
    threshold = metric.value(y[judge], champion) - 0.12
    accepted = [metric.value(y[judge], champion)]
    for step in range(1, 21):
        challenger = fitted(len(kind) * step // 20)
        floor = floor_gate(y[judge], challenger, None, metric, threshold, 0.975).status
        paired = champion_gate(y[judge], challenger, champion, None, metric, 0.04, 0.975).status
        if (floor, paired) != ("pass", "pass"):
            break
        champion = challenger
        accepted.append(metric.value(y[judge], champion))
    assert "fail" in (floor, paired), accepted
    assert step < 20, "while a part of that kind is still known as fraud"
    assert len(accepted) > 2, "slowly: the first steps pass"
    assert min(accepted) > threshold, "no release was below the floor"
