"""False alarms and power of the whole rule on traffic with known truth: seasons, memory, warm-up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drift_cases import alarm_windows, flagged, judged, make_params, seasonal

from mlgate.drift.calibrate import calibrate
from mlgate.drift.profile import build_profile

ELEC2 = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "elec2.csv"
CHANGED = {"vicprice", "vicdemand", "transfer"}
CUT = "2026-03-30"  # twelve weeks in
DAYS = 84


def test_case_34_without_drift_hardly_a_window_is_flagged_and_none_alarms() -> None:
    params, windows, alarms = make_params(), [], []
    for seed in range(4):
        found = judged(*seasonal(seed, DAYS + 49), CUT, params)
        windows += found
        alarms += alarm_windows(found, params)
    assert np.mean([bool(window.flagged) for window in windows]) <= 0.02
    assert not alarms


def test_a_rule_without_calibration_would_cry_wolf_on_the_same_traffic() -> None:
    windows = judged(*seasonal(1, DAYS + 28), CUT, make_params(season=None))
    crowd = [any(f.p_value < 0.01 / 7 for f in window.findings) for window in windows]
    assert np.mean(crowd) > 0.9
    assert np.mean([bool(window.flagged) for window in windows]) <= 0.1


@pytest.mark.parametrize("seed", range(3))
def test_inflation_a_new_category_and_a_lost_field_alarm_in_the_third_window_at_the_latest(seed: int) -> None:
    params = make_params()
    windows = judged(*seasonal(seed, DAYS + 7, changed=DAYS), CUT, params)
    assert alarm_windows(windows, params)[0] == 2
    assert {("amount", "distribution"), ("kind", "novelty"), ("gap", "missing")} <= flagged(windows[2])
    assert not {"hour", "weekday", "constant"} & {name for window in windows for name, _ in flagged(window)}


def test_a_warm_up_is_left_out_and_does_not_loosen_thresholds() -> None:
    frame, times = seasonal(1, DAYS)
    profile = build_profile(frame, times, None, make_params())
    slow, amount = (calibrate(profile.column(name), 0, 7, 0.001) for name in ("slow", "amount"))
    assert 12 <= slow.warm_up <= 30
    assert slow.thresholds[0] < 0.4
    assert amount.warm_up == 0
    assert slow.reference.sum() < amount.reference.sum()


def test_weekends_are_compared_with_weekends() -> None:
    frame, times = seasonal(2, DAYS)
    column = build_profile(frame, times, None, make_params()).column("weekday")
    monday = int(column.blocks[0]) % 7
    assert calibrate(column, monday, 7, 0.001).thresholds[0] == pytest.approx(0.014)
    frame["weekday"] = 0
    usual = seasonal(2, DAYS)[0]
    longer = pd.concat([usual, frame[: 7 * 600]], ignore_index=True)
    windows = judged(longer, _longer(times), CUT, make_params())
    assert all(("weekday", "distribution") in flagged(window) for window in windows[1:])


def test_with_too_few_windows_a_column_is_uncalibrated_and_alarms_nothing() -> None:
    params = make_params(season=None)
    windows = judged(*seasonal(3, 13, changed=6), "2026-01-11", params)
    assert any(window.flagged for window in windows)
    assert not any(finding.calibrated for window in windows for finding in window.findings)
    assert alarm_windows(windows, params) == []


def test_predictions_that_move_in_their_tail_alarm() -> None:
    frame, times = seasonal(4, DAYS + 33)
    rng = np.random.default_rng(0)
    score = rng.beta(1, 30, len(frame))
    day = np.arange(len(frame)) // 600
    score[(day >= DAYS + 28) & (rng.random(len(frame)) < 0.06)] = 0.9
    held = (day >= DAYS) & (day < DAYS + 28)
    scores = pd.DataFrame({"score": score[held], "time": times[held]})
    late = day >= DAYS + 28
    keep = (day < DAYS) | late
    windows = judged(frame.assign(score=score)[keep], times[keep], CUT, make_params(), scores)
    assert all(("score", "tails") in flagged(window) for window in windows)


def market(seed: int = 0) -> pd.DataFrame:
    """A year of half-hours like elec2: three columns that are constant until 5 May 1997 and vary from then on."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("1996-05-07", "1997-09-30", freq="30min")
    n, later = len(times), times >= pd.Timestamp("1997-05-05")
    walk = np.cumsum(rng.normal(0, 0.02, n // 48 + 1))[np.arange(n) // 48]
    wave = np.sin(np.arange(n) * 2 * np.pi / 48)
    table = {"nswdemand": 0.4 + 0.2 * wave + 0.05 * (walk - walk.mean()) + rng.normal(0, 0.05, n)}
    for name, value in (("vicprice", 0.003467), ("vicdemand", 0.422915), ("transfer", 0.414912)):
        table[name] = np.where(later, value + rng.normal(0, 0.1, n), value)
    return pd.DataFrame({"timestamp": times, **table})


@pytest.mark.parametrize("source", ["synthetic", "elec2"])
@pytest.mark.parametrize("window", ["1w", "2w"])
def test_the_opening_of_the_victorian_market_is_found_at_once_and_nothing_before(source: str, window: str) -> None:
    if source == "elec2" and not ELEC2.is_file():
        pytest.skip("elec2.csv is not beside the checkout")
    table = market() if source == "synthetic" else pd.read_csv(ELEC2, parse_dates=["timestamp"])[:24_000]
    params = make_params(window=window, season=None)
    features = table.drop(columns=["timestamp", "price_up"], errors="ignore")
    windows = judged(features, table["timestamp"], "1997-04-03", params)
    length = params.monitor.window.total_seconds()
    starts = [pd.Timestamp(window.block * length, unit="s") for window in windows if window.findings]
    moved = [{name for name, _ in flagged(window)} for window in windows if window.findings]
    opening = next(
        i for i, start in enumerate(starts) if start + pd.Timedelta(seconds=length) > pd.Timestamp("1997-05-05")
    )
    assert opening >= 2
    assert moved[:opening] == [set()] * opening
    assert all(moved[i] >= CHANGED for i in range(opening, len(moved)))


def _longer(times: pd.Series) -> pd.Series:
    return pd.concat([times, times[: 7 * 600] + pd.Timedelta(days=DAYS)], ignore_index=True)
