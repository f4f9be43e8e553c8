"""Opens what a running release keeps beside its model: the history of features, and the log of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlgate.errors import ConfigError
from mlgate.params import Params
from mlgate.serving.bundle import ARTIFACTS
from mlgate.serving.counters import counters
from mlgate.serving.history import History
from mlgate.serving.prediction_log import PredictionLog

MEGABYTE = 1_000_000


def open_history(root: Path, state: Path | None, params: Params, spec: Any) -> History | None:
    """The earlier rows that features look back on; None where none does.

    Raises
    ------
    ConfigError
        If rows have no identifier to be remembered by, or the release brings no history.
    """
    if spec is None:
        return None
    if params.data.id is None:
        raise ConfigError("features look back, and data.id is null", "name the identifier in params.yaml")
    release = root / ARTIFACTS / "history.sqlite"
    if not release.is_file():
        raise ConfigError(f"{release} is missing", "build the release again with `mlgate package`")
    path = state / "history" / "history.sqlite" if state else None
    return History(release, path, spec, params.data.id, lambda _: counters().history.inc())


def open_log(state: Path | None, params: Params) -> PredictionLog | None:
    """The log of the environment, if there is one on this machine."""
    if state is None:
        return None
    serving, logged = params.serving, counters().logged
    limit = serving.log_limit_mb * MEGABYTE
    return PredictionLog(
        state / "predictions", limit, serving.log_queue, lambda outcome, n: logged.labels(outcome).inc(n)
    )
