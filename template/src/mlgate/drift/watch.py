"""Judge windows of live traffic against the profile: which columns moved, by how much, against which threshold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mlgate.drift.calibrate import calibrate
from mlgate.drift.cells import Ints
from mlgate.drift.compare import ASPECTS, discoveries, effects, p_values
from mlgate.drift.profile import Column, Profile
from mlgate.params import MonitorSection

LOW_TRAFFIC = 0.1  # of the median reference block of the same phase: less is silence
WHOLE = 0.9  # of a window's rows, answered by the version that is judged


@dataclass(frozen=True)
class Finding:
    """One aspect (distribution, missing, novelty) of one column in one window."""

    column: str
    aspect: str
    effect: float
    threshold: float
    p_value: float
    flagged: bool
    calibrated: bool
    is_score: bool


@dataclass(frozen=True)
class Window:
    """One window of live traffic.

    Attributes
    ----------
    block : its number; it starts at `block` · `profile.window` seconds after the origin.
    traffic : rows answered by any model version. rows : those of the version that is judged.
    expected : rows of a median reference block of its phase, 0 if unknown.
    findings : every aspect of every column; empty where there are too few rows to judge.
    """

    block: int
    traffic: int
    rows: int
    expected: float
    least: float
    findings: tuple[Finding, ...] = field(default=())

    @property
    def silent(self) -> bool:
        return self.traffic < self.least

    @property
    def flagged(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.flagged)


def judge(profile: Profile, live: Profile, block: int, monitor: MonitorSection, traffic: int | None = None) -> Window:
    """Judge one window of live counts (`profile.scan` of the judged version's rows).

    A finding is flagged when it is a discovery (Benjamini-Hochberg at `monitor.false_alarm` over all columns and
    aspects, rows taken as independent), and its effect exceeds both the floor and what the reference's own blocks do.
    A window that another version answered in part (more than a tenth) is not judged: it is not whole.
    """
    counts = [_of_block(column, block) for column in live.columns]
    rows = int(max((c.sum() for c in counts), default=0))
    traffic = rows if traffic is None else traffic
    expected = expected_rows(profile, block)
    least = max(monitor.min_rows, LOW_TRAFFIC * expected, 1)
    if rows < least or rows < WHOLE * traffic:
        return Window(block, traffic, rows, expected, least)
    return Window(block, traffic, rows, expected, least, _findings(profile, counts, block, monitor))


def _findings(profile: Profile, counts: list[Ints], block: int, monitor: MonitorSection) -> tuple[Finding, ...]:
    columns, phase = profile.columns, block % profile.season
    rate = monitor.false_alarm / len(columns)
    found = [calibrate(column, phase, profile.season, rate) for column in columns]
    pairs = [(column.cells.kind, one.reference, c) for column, one, c in zip(columns, found, counts, strict=True)]
    ps, sizes = np.array([p_values(*pair) for pair in pairs]), np.array([effects(*pair) for pair in pairs])
    bounds = np.array([one.thresholds for one in found])
    ps[[not column.is_score for column in columns], ASPECTS.index("tails")] = 1.0
    flagged = discoveries(ps, monitor.false_alarm) & (sizes > bounds)
    return tuple(
        Finding(
            column=column.name,
            aspect=aspect,
            effect=float(sizes[i, j]),
            threshold=float(bounds[i, j]),
            p_value=float(ps[i, j]),
            flagged=bool(flagged[i, j]),
            calibrated=found[i].calibrated or not profile.timed,
            is_score=column.is_score,
        )
        for i, column in enumerate(columns)
        for j, aspect in enumerate(ASPECTS)
        if column.is_score or aspect != "tails"
    )


def expected_rows(profile: Profile, block: int) -> float:
    """Rows of the median reference block at the phase of `block`; 0 where rows have no time."""
    features = [column for column in profile.columns if not column.is_score]
    if not profile.timed or not features:
        return 0.0
    same = features[0].blocks % profile.season == block % profile.season
    rows = features[0].table.sum(axis=1)
    return float(np.median(rows[same] if same.any() else rows))


def _of_block(column: Column, block: int) -> Ints:
    counts: Ints = column.table[column.blocks == block].sum(axis=0)
    return counts
