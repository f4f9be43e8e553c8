"""Parameters and traffic with known truth, for the drift tests."""

from __future__ import annotations

from typing import Any

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
