"""Cut the prediction log into windows: which are complete, where each begins, and how many rows it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from mlgate.drift.cells import Ints
from mlgate.drift.profile import Profile, block_numbers
from mlgate.drift.watch import Window, judge
from mlgate.errors import DataError
from mlgate.params import MonitorSection

SHOWN = 10
_NEARLY = 0.05  # of a window: events that end so shortly before its end are the whole of it


@dataclass(frozen=True)
class Grid:
    """Windows of `window` seconds from `origin` (epoch seconds); `newest` is the last complete one."""

    origin: float
    window: float
    newest: int

    def start(self, block: int) -> datetime:
        """When a window begins, UTC without zone."""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.origin + block * self.window)
        return moment.replace(tzinfo=None)


def grid(moments: pd.Series[Any], profile: Profile, monitor: MonitorSection, as_of: datetime | None) -> Grid:
    """Where windows begin and end, as of a time (UTC without zone), or of the clock that `monitor.clock` names.

    With a season, windows are the reference's own blocks, so that Mondays meet Mondays, and the last complete one is
    the newest. Without, the newest window ends now.
    """
    newest = moments.max().to_pydatetime()
    replayed = as_of is None and monitor.clock == "events"
    now = as_of or (newest if replayed else datetime.now(UTC).replace(tzinfo=None))
    seconds = (now - datetime(1970, 1, 1)).total_seconds()
    if profile.season == 1:
        return _begun(Grid(seconds + 1e-3 if replayed else seconds, profile.window, -1), moments)
    ahead = _NEARLY if replayed else 0.0
    return _begun(Grid(0.0, profile.window, int(np.floor(seconds / profile.window + ahead)) - 1), moments)


def judge_windows(
    log: pd.DataFrame, moments: pd.Series[Any], version: str, profile: Profile, monitor: MonitorSection, grid: Grid
) -> tuple[list[Window], Profile]:
    """The last windows, oldest first (at least `monitor.n`), and the live counts behind them.

    Parameters
    ----------
    log : predictions of all versions, one row each, with a `version` column.
    moments : (rows,) when each happened. version : the one to judge.
    """
    blocks = block_numbers(moments, len(log), profile.window, grid.origin)
    blocks = np.where(moments.isna(), grid.newest + 1, blocks)
    mine = ((log["version"] == version) & (blocks > grid.newest - SHOWN) & (blocks <= grid.newest)).to_numpy()
    live = profile.scan(log[mine], blocks[mine])
    first = min(max(int(blocks.min()), grid.newest - SHOWN + 1), grid.newest - monitor.n + 1)
    names = range(first, grid.newest + 1)
    return [judge(profile, live, block, monitor, _rows(blocks, block)) for block in names], live


def _rows(blocks: Ints, block: int) -> int:
    return int((blocks == block).sum())


def _begun(found: Grid, moments: pd.Series[Any]) -> Grid:
    end = found.start(found.newest + 1)
    if moments.min() >= end:
        raise DataError(
            f"no complete window yet: predictions begin at {moments.min():%Y-%m-%d %H:%M}, the last complete window"
            f" ended at {end:%Y-%m-%d %H:%M}",
            "wait, replay more traffic, or shorten `monitor.window` in params.yaml",
        )
    return found
