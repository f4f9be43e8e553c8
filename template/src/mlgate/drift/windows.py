"""Cut the prediction log into windows: which are complete, where each begins, and how many rows it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from mlgate.drift.profile import Profile
from mlgate.drift.traffic import EPOCH, SECOND, SHOWN, Traffic
from mlgate.drift.watch import Window, judge
from mlgate.errors import TooEarlyError
from mlgate.params import MonitorSection

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


def grid(traffic: Traffic) -> Grid:
    """Where windows begin and end, as of a time, or of the clock that `monitor.clock` names.

    With a season, windows are the reference's own blocks, so that Mondays meet Mondays, and the last complete one is
    the newest. Without, the newest window ends now.
    """
    profile, replayed = traffic.profile, traffic.replayed
    seconds = (traffic.now - EPOCH).total_seconds()
    if profile.season == 1:
        return _begun(Grid(seconds + 1e-3 if replayed else seconds, profile.window, -1), traffic)
    ahead = _NEARLY if replayed else 0.0
    return _begun(Grid(0.0, profile.window, int(np.floor(seconds / profile.window + ahead)) - 1), traffic)


def judge_windows(
    traffic: Traffic, profile: Profile, monitor: MonitorSection, grid: Grid
) -> tuple[list[Window], Profile]:
    """The last windows, oldest first (at least `monitor.n`), and the live counts behind them, of `profile`'s columns.

    `profile` may have fewer columns than that of the traffic: those that are in the log.
    """
    rows, names = traffic.rows(), {column.name for column in profile.columns}
    blocks = np.floor((rows.moment / SECOND - grid.origin) / profile.window).astype(np.int64)
    oldest = grid.newest - max(SHOWN, monitor.n) + 1
    judged = (blocks >= oldest) & (blocks <= grid.newest)
    own = judged[rows.mine]
    cells = [
        cells[own] for column, cells in zip(traffic.profile.columns, rows.cells, strict=True) if column.name in names
    ]
    live = profile.count(cells, blocks[rows.mine & judged])
    found, counts = np.unique(blocks[judged], return_counts=True)
    count = dict(zip(found.tolist(), counts.tolist(), strict=True))
    first = min(max(_block(traffic.earliest, grid), oldest), grid.newest - monitor.n + 1)
    return [judge(profile, live, b, monitor, count.get(b, 0)) for b in range(first, grid.newest + 1)], live


def _block(moment: datetime | None, grid: Grid) -> int:
    """The window in which `moment` lies; the one after the newest for none."""
    if moment is None:
        return grid.newest + 1
    return int(np.floor(((moment - EPOCH).total_seconds() - grid.origin) / grid.window))


def _begun(found: Grid, traffic: Traffic) -> Grid:
    end, begin = found.start(found.newest + 1), traffic.earliest
    if begin is None or begin >= end:
        raise TooEarlyError(
            f"no complete window yet: predictions begin at {begin or end:%Y-%m-%d %H:%M}, the last complete window"
            f" ended at {end:%Y-%m-%d %H:%M}",
            "wait, replay more traffic, or shorten `monitor.window` in params.yaml",
        )
    return found
