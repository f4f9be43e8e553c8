"""One look at live traffic, from the prediction log to everything that a report shows; pure, so that proofs use it."""

from __future__ import annotations

from dataclasses import replace

from mlgate.drift import view as views
from mlgate.drift.decision import decide
from mlgate.drift.traffic import Traffic
from mlgate.drift.windows import grid, judge_windows


def look(environment: str, traffic: Traffic) -> views.View:
    """Judge the last windows of the traffic and decide.

    Columns of the release's profile that the log lacks are left out, and said.

    Raises
    ------
    TooEarlyError
        If there is no complete window yet.
    """
    monitor = traffic.monitor
    watched = [column.name for column in traffic.profile.columns if column.name in traffic.names]
    left_out = [column.name for column in traffic.profile.columns if column.name not in traffic.names]
    profile = traffic.profile.only(watched)
    found = grid(traffic)
    windows, live = judge_windows(traffic, profile, monitor, found)
    starts = views.starts(windows, found)
    uncalibrated = list(dict.fromkeys(f.column for f in windows[-1].findings if not f.calibrated))
    decision = decide(windows, monitor.k, monitor.n)
    new = views.unseen(traffic.novel, profile, decision)
    since, until = (f"{found.start(block):%Y-%m-%d %H:%M}" for block in (windows[0].block, windows[-1].block + 1))
    seen = views.View(
        environment, traffic.version, decision, starts, windows, profile, live, uncalibrated, left_out, new
    )
    return replace(seen, since=since, until=until)
