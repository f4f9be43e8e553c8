"""A million transactions: seconds of the simulator and of the features, against numpy making and sorting as many rows.

Run it with `uv run python bench/simulator.py [--rows N] [--repeat N]`; it prints JSON and judges nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from model.features import features
from model.simulator.table import transactions
from model.simulator.world import create

START, DAYS = datetime(2026, 1, 5), 112
PER_CUSTOMER = 72  # transactions in so many days, about
COLUMNS = 8


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="about so many transactions")
    parser.add_argument("--repeat", type=int, default=3, help="best of so many runs")
    asked = parser.parse_args(argv)
    customers = max(asked.rows // PER_CUSTOMER, 50)

    def simulate() -> Any:
        return transactions(create(7, customers, customers // 3 + 20), START, START + timedelta(days=DAYS), ())

    seconds, frame = _best(simulate, asked.repeat)
    floor, _ = _best(lambda: _random_rows(len(frame)), asked.repeat)
    windows, _ = _best(lambda: features(frame, None), asked.repeat)
    result = {
        "rows": len(frame),
        "simulator_seconds": round(seconds, 3),
        "features_seconds": round(windows, 3),
        "floor_seconds": round(floor, 3),
        "simulator_to_floor": round(seconds / floor, 2),
        "features_to_floor": round(windows / floor, 2),
    }
    print(json.dumps(result, indent=2))
    return 0


def _random_rows(rows: int) -> list[Any]:
    """The floor: as many rows and columns of random numbers, in order of the first column."""
    rng = np.random.default_rng(7)
    table = [rng.random(rows) for _ in range(COLUMNS)]
    order = np.argsort(table[0], kind="stable")
    return [column[order] for column in table]


def _best(work: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    seconds, result = float("inf"), None
    for _ in range(repeat):
        started = time.perf_counter()
        result = work()
        seconds = min(seconds, time.perf_counter() - started)
    return seconds, result


if __name__ == "__main__":
    raise SystemExit(main())
