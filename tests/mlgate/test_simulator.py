"""The default data source: one world, whatever part of it is asked for, in which fraud shows and drift can be told."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from mlgate.errors import ConfigError
from mlgate.params import Params, parse
from mlgate.table.split import split
from model.data import load, traffic
from model.features import features

PARAMS = Path(__file__).resolve().parents[2] / "template" / "params.yaml"
SMALL = {"customers": 400, "terminals": 160, "start": "2026-02-02", "until": "2026-03-16"}
CHANGE = "2026-03-02"


@pytest.fixture(scope="session")
def fraud_params() -> Callable[..., Params]:
    """`fraud_params(seed=…, drift=…)`: the template's parameters with other settings of the source."""
    content = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    content["project"] = {"name": "Example", "slug": "example", "owner": "example"}

    def _params(**source: Any) -> Params:
        changed = copy.deepcopy(content)
        changed["data"]["source"].update(source)
        return parse(changed)

    return _params


@pytest.fixture(scope="session")
def default(fraud_params: Callable[..., Params]) -> pd.DataFrame:
    return load(fraud_params())


def drifted(fraud_params: Callable[..., Params], kind: str, strength: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The small world without and with one drift from CHANGE on."""
    drift = [{"kind": kind, "from": CHANGE, "strength": strength}]
    return load(fraud_params(**SMALL)), load(fraud_params(**SMALL, drift=drift))


def late(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["timestamp"] >= CHANGE]


def test_the_same_settings_give_the_same_rows_and_another_seed_gives_others(fraud_params) -> None:
    one, again, other = (load(fraud_params(**SMALL, seed=seed)) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(one, again, check_exact=True)
    assert not one["amount"].head(100).equals(other["amount"].head(100))


@pytest.mark.parametrize("drift", [[], [{"kind": "new_fraud_pattern", "from": CHANGE, "strength": 2.0}]])
def test_a_later_end_adds_rows_and_changes_none(fraud_params, drift) -> None:
    short = load(fraud_params(**SMALL, drift=drift))
    longer = load(fraud_params(**SMALL, drift=drift), until=datetime(2026, 4, 1, 13, 30))
    pd.testing.assert_frame_equal(short, longer.head(len(short)), check_exact=True)
    assert longer["timestamp"].max() > short["timestamp"].max()
    assert longer["timestamp"].max() < pd.Timestamp("2026-04-01 13:30")


def test_a_later_start_gives_the_same_rows_from_there_on(fraud_params) -> None:
    whole = load(fraud_params(**SMALL))
    part = load(fraud_params(**{**SMALL, "start": "2026-02-20T07:00:00"}))
    expected = whole[whole["timestamp"] >= "2026-02-20 07:00"].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected, check_exact=True)


def test_traffic_is_what_a_later_snapshot_will_hold(fraud_params) -> None:
    drift = [{"kind": "price_inflation", "from": CHANGE, "strength": 0.5}]
    params = fraud_params(**SMALL)
    start, end = datetime(2026, 3, 10), datetime(2026, 3, 30)
    served = traffic(params, start, end, drift)
    snapshot = load(fraud_params(**SMALL, drift=drift), until=end)
    expected = snapshot[snapshot["timestamp"] >= start].reset_index(drop=True)
    pd.testing.assert_frame_equal(served, expected, check_exact=True)


def test_a_drift_that_the_parameters_hold_already_counts_once_in_traffic(fraud_params) -> None:
    drift = [{"kind": "price_inflation", "from": CHANGE, "strength": 0.5}]
    start, end = datetime(2026, 3, 10), datetime(2026, 3, 12)
    once = traffic(fraud_params(**SMALL), start, end, drift)
    pd.testing.assert_frame_equal(once, traffic(fraud_params(**SMALL, drift=drift), start, end, drift))


def test_transactions_have_unique_numbers_in_order_of_time(default) -> None:
    assert default["transaction_id"].is_unique
    assert default["timestamp"].is_monotonic_increasing


def test_the_number_of_a_transaction_does_not_tell_fraud(default) -> None:
    within_day = default["transaction_id"] % 2**23
    assert abs(roc_auc_score(default["is_fraud"], within_day) - 0.5) < 0.03


def test_the_default_snapshot_is_large_enough_for_the_gates_and_small_enough_for_git(
    default, fraud_params, tmp_path: Path
) -> None:
    holdout = split(default, fraud_params()).holdout
    assert 130_000 <= len(default) <= 180_000
    assert 0.015 <= default["is_fraud"].mean() <= 0.025
    assert default["is_fraud"].to_numpy()[holdout].sum() >= 600
    default.to_parquet(tmp_path / "raw.parquet", compression="zstd")
    assert (tmp_path / "raw.parquet").stat().st_size < 5_000_000


def test_people_pay_by_day_and_less_on_some_weekdays(default) -> None:
    genuine = default[default["is_fraud"] == 0]
    by_hour = genuine["timestamp"].dt.hour.value_counts()
    by_weekday = genuine.groupby(genuine["timestamp"].dt.weekday).size()
    assert by_hour[range(10, 20)].sum() > 5 * by_hour[range(0, 6)].sum()
    assert by_weekday.max() / by_weekday.min() > 1.05


@pytest.mark.parametrize(
    "feature",
    ["amount_to_customer_mean", "amount_to_terminal_mean", "customer_count_1d", "night", "terminal_mean_7d_to_28d"],
)
def test_fraud_shows_in_windows_that_know_no_label(default, feature: str) -> None:
    seen = features(default.drop(columns=["is_fraud", "label_time"]), None)[feature].fillna(1)
    assert roc_auc_score(default["is_fraud"], seen) > 0.55


@pytest.mark.parametrize(
    ("kind", "strength"),
    [
        ("price_inflation", 0.3),
        ("new_fraud_pattern", 2.0),
        ("new_category", 0.2),
        ("missing_field", 0.4),
        ("traffic_stops", 1.0),
    ],
)
def test_a_drift_leaves_what_was_before_it_alone(fraud_params, kind: str, strength: float) -> None:
    plain, changed = drifted(fraud_params, kind, strength)
    before = plain[plain["timestamp"] < CHANGE]
    pd.testing.assert_frame_equal(changed[changed["timestamp"] < CHANGE], before, check_exact=True)
    assert not late(plain).equals(late(changed))


def test_price_inflation_raises_amounts_and_nothing_else(fraud_params) -> None:
    plain, changed = (late(frame) for frame in drifted(fraud_params, "price_inflation", 0.3))
    np.testing.assert_allclose(changed["amount"], plain["amount"] * 1.3, atol=0.006)
    pd.testing.assert_frame_equal(changed.drop(columns="amount"), plain.drop(columns="amount"))


def test_a_new_fraud_pattern_adds_bursts_of_tiny_payments_at_one_terminal(fraud_params) -> None:
    plain, changed = drifted(fraud_params, "new_fraud_pattern", 2.0)
    added = changed[~changed["transaction_id"].isin(plain["transaction_id"])]
    assert set(plain["transaction_id"]) <= set(changed["transaction_id"])
    assert added["is_fraud"].eq(1).all()
    assert added["amount"].max() <= 5
    assert set(added["category"].dropna()) == {"online"}
    per_burst = added.groupby(["terminal_id", added["timestamp"].dt.floor("D")]).size()
    assert per_burst.max() >= 15
    assert added["customer_id"].nunique() > 0.5 * len(added) ** 0.5


def test_a_new_category_takes_over_a_share_of_terminals_for_good(fraud_params) -> None:
    plain, changed = drifted(fraud_params, "new_category", 0.2)
    new = late(changed)
    taken = set(new.loc[new["category"] == "crypto", "terminal_id"])
    assert 0.1 < len(taken) / plain["terminal_id"].nunique() < 0.3
    assert set(new.loc[new["terminal_id"].isin(taken), "category"].dropna()) == {"crypto"}


def test_a_missing_field_goes_missing_at_its_rate(fraud_params) -> None:
    plain, changed = drifted(fraud_params, "missing_field", 0.4)
    assert plain["category"].isna().mean() < 0.02
    assert late(changed)["category"].isna().mean() == pytest.approx(0.4, abs=0.05)


def test_traffic_stops_altogether_or_in_part(fraud_params) -> None:
    plain, silent = drifted(fraud_params, "traffic_stops", 1.0)
    assert late(silent).empty
    _, halved = drifted(fraud_params, "traffic_stops", 0.5)
    assert len(late(halved)) / len(late(plain)) == pytest.approx(0.5, abs=0.05)


def test_an_hour_without_a_transaction_is_an_empty_table_with_the_same_columns(fraud_params) -> None:
    params = fraud_params(**SMALL)
    stopped = [{"kind": "traffic_stops", "from": "2026-03-01", "strength": 1.0}]
    nothing = traffic(params, datetime(2026, 3, 3, 4), datetime(2026, 3, 3, 5), stopped)
    assert nothing.empty
    assert nothing.dtypes.equals(load(params).dtypes)


def test_dates_may_be_text_or_dates_or_moments_with_a_zone(fraud_params) -> None:
    texts = load(fraud_params(**SMALL))
    dates = load(fraud_params(**{**SMALL, "start": date(2026, 2, 2), "until": "2026-03-16T02:00:00+02:00"}))
    pd.testing.assert_frame_equal(texts, dates)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"custmers": 3}, "data.source.custmers"),
        ({"customers": 3}, "data.source.customers"),
        ({"customers": "many"}, "data.source.customers"),
        ({"start": "last monday"}, "data.source.start"),
        ({"until": 20260427}, "data.source.until"),
        ({"until": "9999-01-01"}, "more than 3,660 days"),
        ({"until": "2025-01-01"}, "until must be later than start"),
        ({"drift": [{"kind": "doom", "from": CHANGE, "strength": 1}]}, "data.source.drift.0.kind"),
        ({"drift": [{"kind": "missing_field", "from": CHANGE, "strength": 1.5}]}, "share between 0 and 1"),
        ({"drift": [{"kind": "missing_field", "from": CHANGE}]}, "data.source.drift.0.strength"),
        ({"drift": [{"kind": "missing_field", "strength": 0.5}]}, "data.source.drift.0.from"),
        ({"drift": [{"kind": "missing_field", "from": CHANGE, "strength": float("nan")}]}, "strength"),
        ({"drift": "yes"}, "data.source.drift"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_key(fraud_params, source, named: str) -> None:
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")) as refused:
        load(fraud_params(**source))
    assert "data.source" in refused.value.mend
