"""Parameters and traffic with known truth, for the drift tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlgate.drift.decision import decide
from mlgate.drift.profile import block_numbers, build_profile
from mlgate.drift.watch import Window, judge
from mlgate.params import Params, parse


def make_params(**monitor: Any) -> Params:
    """Parameters whose `monitor` section is daily windows with a weekly season unless said otherwise."""
    settings = {"window": "1d", "season": "1w", "clock": "events", **monitor}
    return parse(
        {
            "project": {"name": "P", "slug": "p", "owner": "o"},
            "data": {"task": "binary", "target": "y", "time": "time", "cluster": None},
            "quality": {},
            "split": {"holdout": 0.2},
            "model": {},
            "gates": {"metric": "roc_auc", "floor": {"threshold": 0.6}, "champion": {"margin": 0.01}},
            "monitor": settings,
            "serving": {"ports": {"production": 3000}},
        }
    )


def judged(
    frame: pd.DataFrame, times: pd.Series[Any], cut: str, params: Params, scores: pd.DataFrame | None = None
) -> list[Window]:
    """Every complete window after `cut`, judged against a profile of the rows before it."""
    before = (times < pd.Timestamp(cut)).to_numpy()
    features = frame.drop(columns="score", errors="ignore")
    profile = build_profile(features[before], times[before], scores, params)
    blocks = block_numbers(times, len(frame), profile.window)
    live = profile.scan(frame[~before], blocks[~before])
    return [judge(profile, live, int(block), params.monitor) for block in np.unique(blocks[~before])]


def flagged(window: Window) -> set[tuple[str, str]]:
    return {(finding.column, finding.aspect) for finding in window.flagged}


def alarm_windows(windows: Sequence[Window], params: Params) -> list[int]:
    """Positions of the windows at which `decide` raised an alarm."""
    k, n = params.monitor.k, params.monitor.n
    return [i for i in range(n - 1, len(windows)) if decide(windows[: i + 1], k, n).alarms]


def seasonal(seed: int, days: int, rows: int = 600, changed: int | None = None) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Days from Monday 2026-01-05 with a weekly and a daily rhythm, day effects, and memory in `slow` (a long window).

    From day `changed` on: `amount` a quarter higher, `kind` has 4 % of a new value, `gap` is missing in 8 %.
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    hour = np.clip(rng.normal(14, 4, day.size), 0, 23.9)
    shock, memory = rng.normal(0, 0.05, days), np.zeros(days)
    for i in range(1, days):
        memory[i] = 0.93 * memory[i - 1] + rng.normal(0, 0.06)
    warm = np.minimum(day / 21, 1.0)
    late = np.zeros(day.size, bool) if changed is None else day >= changed
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(3, 0.7, day.size) * np.where(day % 7 >= 5, 1.3, 1.0) * np.exp(shock[day]),
            "hour": np.floor(hour),
            "weekday": day % 7,
            "kind": np.where(
                rng.random(day.size) < 0.3 + 0.2 * (day % 7 >= 5), "food", rng.choice(["x", "y"], day.size)
            ),
            "slow": warm * (rng.gamma(4, 1, day.size) + memory[day] * 2),
            "gap": np.where(rng.random(day.size) < 0.02, np.nan, rng.normal(size=day.size)),
            "constant": 0.5,
        }
    )
    frame.loc[late, "amount"] *= 1.25
    frame.loc[late & (rng.random(day.size) < 0.04), "kind"] = "new"
    frame.loc[late & (rng.random(day.size) < 0.08), "gap"] = np.nan
    times = pd.Series(pd.Timestamp("2026-01-05") + pd.to_timedelta(day * 86_400 + hour * 3_600, "s"))
    return frame, times
