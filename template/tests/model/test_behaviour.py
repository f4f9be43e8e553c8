"""How the model must behave, whatever its score: minimum functionality (MFT), invariance (INV), direction (DIR)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from mlgate.params import Params
from model.features import features
from model.model import build

HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def regulars(trained) -> pd.DataFrame:
    """One usual payment each, where they go most, at noon, by 60 customers who pay twice a week or more."""
    recent = trained.frame[trained.frame["timestamp"] >= trained.frame["timestamp"].max() - pd.Timedelta(days=21)]
    genuine = recent[recent["is_fraud"] == 0]
    visits = genuine["customer_id"].value_counts()
    often = visits[visits >= 6].sample(60, random_state=5).index
    usual = genuine[genuine["customer_id"].isin(often)].groupby(["customer_id", "terminal_id"], as_index=False)
    usual = usual.agg(amount=("amount", "median"), category=("category", "last"), visits=("amount", "size"))
    usual = usual.sort_values("visits").drop_duplicates("customer_id", keep="last").reset_index(drop=True)
    noon = trained.frame["timestamp"].max().normalize() + 36 * HOUR
    usual = usual.assign(transaction_id=np.arange(len(usual)) + 9_000_000_000_000, timestamp=noon)
    return usual[["transaction_id", "timestamp", "customer_id", "terminal_id", "amount", "category"]]


def elsewhere(payments: pd.DataFrame, frame: pd.DataFrame, hours: int, factor: float, seed: int) -> pd.DataFrame:
    """The same customers some hours later at random terminals, for a multiple of what people pay there."""
    usual = frame.groupby("terminal_id").agg(amount=("amount", "median"), category=("category", "last"))
    chosen = usual.sample(len(payments), random_state=seed)
    return payments.assign(
        transaction_id=payments["transaction_id"] + 1000 * (hours + 1),
        timestamp=payments["timestamp"] + hours * HOUR,
        terminal_id=chosen.index.to_numpy(),
        amount=(chosen["amount"].to_numpy() * factor).round(2),
        category=chosen["category"].to_numpy(),
    )


def test_mft_it_ranks_held_out_frauds_far_above_chance(trained) -> None:
    held = trained.split.holdout
    truth = trained.frame["is_fraud"].to_numpy()[held]
    scores = trained.pipeline.predict_proba(features(trained.frame, None)[held])[:, 1]
    assert average_precision_score(truth, scores) > 10 * truth.mean()


def test_mft_usual_payments_are_left_alone(trained, regulars) -> None:
    assert (trained.score(regulars, trained.frame) < 0.1).mean() > 0.95


def test_mft_a_burst_of_high_amounts_reaches_the_top_two_percent_by_its_sixth_payment(trained, regulars) -> None:
    burst = pd.concat([elsewhere(regulars, trained.frame, hour, 5.0, seed=hour) for hour in range(6)])
    scores = trained.score(burst.reset_index(drop=True), trained.frame).reshape(6, -1)
    everyday = trained.pipeline.predict_proba(features(trained.frame, None)[trained.split.holdout])[:, 1]
    assert (scores.max(axis=0) > np.quantile(everyday, 0.98)).mean() > 0.9


def test_mft_a_first_payment_without_any_history_gets_a_score(trained, regulars) -> None:
    scores = trained.score(regulars.head(1).assign(customer_id=7_000_001, terminal_id=999_999))
    assert 0 <= scores[0] <= 1


def test_inv_numbers_of_customers_terminals_and_transactions_do_not_matter(trained) -> None:
    rows = trained.frame.tail(3000)
    renamed = rows.assign(
        customer_id=rows["customer_id"] * 7 + 5_000_000,
        terminal_id=100_000_000 - rows["terminal_id"],
        transaction_id=rows["transaction_id"].to_numpy()[::-1],
    )
    np.testing.assert_array_equal(trained.score(rows), trained.score(renamed))


def test_inv_the_order_of_rows_does_not_matter(trained) -> None:
    rows = trained.frame.tail(3000)
    shuffled = rows.sample(frac=1, random_state=5)
    there_and_back = pd.Series(trained.score(shuffled), index=shuffled.index)[rows.index]
    np.testing.assert_array_equal(trained.score(rows), there_and_back)


def test_inv_whole_weeks_later_is_the_same(trained) -> None:
    rows = trained.frame.tail(3000)
    later = rows.assign(timestamp=rows["timestamp"] + pd.Timedelta(weeks=5))
    np.testing.assert_array_equal(trained.score(rows), trained.score(later))


def test_inv_which_unknown_word_stands_for_the_category_does_not_matter(trained, regulars) -> None:
    one, other = (trained.score(regulars.assign(category=word), trained.frame) for word in ("space", "sea-mining"))
    np.testing.assert_array_equal(one, other)


def test_dir_ten_times_the_amount_is_riskier(trained) -> None:
    rows = trained.frame.loc[trained.split.holdout].query("is_fraud == 0").sample(300, random_state=5)
    history = trained.frame.drop(index=rows.index)
    dearer = rows.assign(amount=(rows["amount"] * 10).clip(upper=50_000))
    change = trained.score(dearer, history) - trained.score(rows, history)
    assert (change > 0).mean() > 0.8
    assert change.mean() > 0.05


def test_dir_at_night_in_a_strange_place_is_riskier_than_by_day_in_a_known_one(trained, regulars) -> None:
    by_day = trained.score(regulars, trained.frame)
    at_night = trained.score(elsewhere(regulars, trained.frame, 15, 1.5, seed=5), trained.frame)
    assert (at_night > by_day).mean() > 0.9


def test_the_same_seed_gives_the_same_model(trained, small: Params) -> None:
    rows = trained.frame.loc[trained.split.train].tail(2000)
    inputs, targets = features(rows, None), rows["is_fraud"].to_numpy()
    one, two = (build(small).fit(inputs, targets).predict_proba(inputs) for _ in range(2))
    np.testing.assert_array_equal(one, two)
