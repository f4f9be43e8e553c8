"""Gates: value and standard error of AP and AUC, against scikit-learn evaluating once, and a bootstrap that loops it.

Run it with `uv run python bench/gates.py [--rows N ...] [--repeat N]`; it prints JSON and judges nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from mlgate.gates.intervals import difference, interval, standard_error
from mlgate.gates.metrics import METRICS
from mlgate.gates.sample import sample

NAMES = ("average_precision", "roc_auc")
RESAMPLES, LOOPED = 2000, 5  # what a bootstrap needs, and how many of its rounds are timed
FEW, MANY = 0.004, 0.02  # share of positives: at 100,000 rows below and above the change of method


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3, help="best of so many runs")
    asked = parser.parse_args(argv)
    print(json.dumps([measure(rows, asked.repeat) for rows in asked.rows], indent=2))
    return 0


def measure(rows: int, repeat: int) -> dict[str, float]:
    """Seconds and ratios at this many rows."""
    y, s, other, clusters = _rows(rows, MANY)

    def ours() -> None:
        for name in NAMES:
            METRICS[name].value(y, s)
            standard_error(METRICS[name].influence(y, s), sample(y, s, None, ("binary",)))

    def theirs() -> None:
        average_precision_score(y, s)
        roc_auc_score(y, s)

    def loop() -> None:
        random = np.random.default_rng(0)
        for _ in range(LOOPED):
            drawn = random.integers(0, rows, rows)
            average_precision_score(y[drawn], s[drawn])
            roc_auc_score(y[drawn], s[drawn])

    seconds, once, looped = _best(ours, repeat), _best(theirs, repeat), _best(loop, 1) * RESAMPLES / LOOPED
    paired = _best(lambda: [difference(y, s, other, clusters, METRICS[n], 0.975) for n in NAMES], repeat)
    y, s, _, clusters = _rows(rows, FEW * 100_000 / rows)
    alone = _best(lambda: [interval(y, s, None, METRICS[n], 0.975) for n in NAMES], repeat)
    grouped = _best(lambda: [interval(y, s, clusters, METRICS[n], 0.975) for n in NAMES], repeat)
    return {
        "rows": rows,
        "value_and_se_seconds": round(seconds, 3),
        "sklearn_once_seconds": round(once, 3),
        "sklearn_bootstrap_seconds": round(looped, 1),
        "to_sklearn_once": round(seconds / once, 2),
        "to_sklearn_bootstrap": round(seconds / looped, 6),
        "paired_by_cluster_seconds": round(paired, 3),
        "studentised_bootstrap_seconds": round(alone, 3),
        "studentised_bootstrap_by_cluster_seconds": round(grouped, 3),
    }


def _rows(rows: int, share: float) -> tuple[Any, Any, Any, Any]:
    """Labels, scores of two correlated models, and a cluster of about 50 rows each."""
    random = np.random.default_rng(7)
    y = (random.random(rows) < share).astype(int)
    shared = random.normal(size=rows) + 2 * y
    s, other = (1 / (1 + np.exp(3 - shared - 0.3 * random.normal(size=rows))) for _ in range(2))
    return y, s, other, random.integers(0, rows // 50, rows)


def _best(work: Callable[[], Any], repeat: int) -> float:
    seconds = float("inf")
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        seconds = min(seconds, time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
