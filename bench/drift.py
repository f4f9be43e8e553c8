"""Drift: profile and scan of a table, against scipy's KS and chi-square on the same frame, and pandas describe.

Run it with `uv run python bench/drift.py [--rows N] [--repeat N]`; it prints JSON and judges nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from mlgate.drift.profile import Profile, build_profile
from mlgate.drift.watch import judge
from mlgate.params import Params, parse

NUMBERS, CATEGORIES, DAYS = 20, 10, 84


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3, help="best of so many runs")
    asked = parser.parse_args(argv)
    print(json.dumps(measure(asked.rows, asked.repeat), indent=2))
    return 0


def measure(rows: int, repeat: int) -> dict[str, float]:
    """Seconds on `rows` rows of 20 numbers and 10 categories, and ratios to the floors."""
    params = _params()
    reference, current, times = _frame(rows, 0), _frame(rows, 1), _times(rows)
    profile = build_profile(reference, times, None, params)
    none = np.zeros(rows, dtype=np.int64)
    build = _best(lambda: build_profile(reference, times, None, params), repeat)
    scan = _best(lambda: profile.scan(current, none), repeat)
    live = profile.scan(current, none)
    judged = _best(lambda: judge(profile, live, 0, params.monitor), repeat)
    peer = _best(lambda: _scipy(reference, current), 1)
    describe = _best(lambda: current.describe(include="all"), 1)
    return {
        "rows": rows,
        "profile_s": build,
        "scan_s": scan,
        "judge_s": judged,
        "scipy_s": peer,
        "describe_s": describe,
        "scan_and_judge_to_scipy": round((scan + judged) / peer, 3),
        "scan_and_judge_to_describe": round((scan + judged) / describe, 3),
        "profile_bytes": len(profile.to_json()),
        "flagged": _flagged(profile, live, params),
    }


def _flagged(profile: Profile, live: Profile, params: Params) -> int:
    return len(judge(profile, live, 0, params.monitor).flagged)


def _scipy(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    for name in reference:
        if name.startswith("x"):
            stats.ks_2samp(reference[name].to_numpy(), current[name].to_numpy(), method="asymp")
        else:
            counts = pd.concat([reference[name].value_counts(), current[name].value_counts()], axis=1).fillna(0)
            stats.chi2_contingency(counts.to_numpy())


def _frame(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = np.array([f"value {i}" for i in range(20)])
    numbers = {f"x{i}": rng.normal(size=rows) for i in range(NUMBERS)}
    return pd.DataFrame({**numbers, **{f"c{i}": names[rng.integers(0, 20, rows)] for i in range(CATEGORIES)}})


def _times(rows: int) -> pd.Series:
    seconds = np.arange(rows) * (DAYS * 86_400) // rows
    return pd.Series(pd.Timestamp("2026-01-05") + pd.to_timedelta(seconds, "s"))


def _params() -> Params:
    return parse(
        {
            "project": {"name": "P", "slug": "p", "owner": "o"},
            "data": {"task": "binary", "target": "y", "time": "time", "cluster": None},
            "quality": {},
            "split": {"holdout": 0.2},
            "model": {},
            "gates": {"metric": "roc_auc", "floor": {"threshold": 0.6}, "champion": {"margin": 0.01}},
            "monitor": {"window": "1d", "season": "1w"},
            "serving": {"ports": {"production": 3000}},
        }
    )


def _best(work: Callable[[], object], repeat: int) -> float:
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return round(min(seconds), 3)


if __name__ == "__main__":
    raise SystemExit(main())
