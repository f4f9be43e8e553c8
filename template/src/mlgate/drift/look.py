"""One look at live traffic, from the prediction log to everything that a report shows; pure, so that proofs use it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from mlgate.drift import view as views
from mlgate.drift.decision import decide
from mlgate.drift.profile import Profile
from mlgate.drift.windows import grid, judge_windows
from mlgate.params import MonitorSection


def look(
    environment: str,
    version: str,
    log: pd.DataFrame,
    moments: pd.Series[Any],
    profile: Profile,
    monitor: MonitorSection,
    as_of: datetime | None,
) -> views.View:
    """Judge the last windows of a prediction log and decide.

    Parameters
    ----------
    log : predictions of all versions, one row each, with a `version` column; moments : (rows,) when each happened.
    profile : of the release; columns that the log lacks are left out, and said.
    as_of : judge windows up to this time, UTC without zone; None for what `monitor.clock` says.

    Raises
    ------
    DataError
        If there is no complete window yet.
    """
    watched = [column.name for column in profile.columns if column.name in log]
    left_out = [column.name for column in profile.columns if column.name not in log]
    profile = profile.only(watched)
    found = grid(moments, profile, monitor, as_of)
    windows, live = judge_windows(log, moments, version, profile, monitor, found)
    starts = views.starts(windows, found)
    uncalibrated = list(dict.fromkeys(f.column for f in windows[-1].findings if not f.calibrated))
    decision = decide(windows, monitor.k, monitor.n)
    new = views.unseen(log[log["version"] == version], profile, decision)
    return views.View(environment, version, decision, starts, windows, profile, live, uncalibrated, left_out, new)
