"""Judge windows of live traffic against the profile: which columns moved, by how much, against which threshold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mlgate.drift.calibrate import Calibration, calibrate
from mlgate.drift.compare import ASPECTS, discoveries, effects, p_values
from mlgate.drift.profile import Column, Profile
from mlgate.params import MonitorSection

LOW_TRAFFIC = 0.1  # of the median reference block of the same phase


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
    """One block of live traffic. `expected` is the rows of a median reference block of its phase, 0 if unknown."""

    block: int
    rows: int
    expected: float
    findings: tuple[Finding, ...] = field(default=())

    @property
    def silent(self) -> bool:
        return not self.findings

    @property
    def flagged(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.flagged)


def judge(profile: Profile, live: Profile, block: int, monitor: MonitorSection) -> Window:
    """Judge one block of live counts (`profile.scan` of the window's rows); too little traffic yields no findings.

    A finding is flagged when it is a discovery (Benjamini-Hochberg at `monitor.false_alarm` over all columns and
    aspects, rows taken as independent), and its effect exceeds both the floor and what the reference's own blocks do.
    """
    counts = [_of_block(column, block) for column in live.columns]
    rows = int(max((c.sum() for c in counts), default=0))
    expected = expected_rows(profile, block)
    if rows < max(monitor.min_rows, LOW_TRAFFIC * expected, 1):
        return Window(block, rows, expected)
    rate = monitor.false_alarm / max(len(profile.columns), 1)
    found = [_compare(profile, column, block, rate) for column in profile.columns]
    kinds = [column.cells.kind for column in profile.columns]
    ps = np.array([p_values(k, f.reference, c) for k, f, c in zip(kinds, found, counts, strict=True)])
    sizes = np.array([effects(k, f.reference, c) for k, f, c in zip(kinds, found, counts, strict=True)])
    bounds = np.array([f.thresholds for f in found])
    ps[[not column.is_score for column in profile.columns], ASPECTS.index("tails")] = 1.0
    flagged = discoveries(ps, monitor.false_alarm) & (sizes > bounds)
    findings = [
        Finding(column.name, aspect, *(float(x[i, j]) for x in (sizes, bounds, ps)), bool(flagged[i, j]),
                found[i].calibrated or not profile.timed, column.is_score)
        for i, column in enumerate(profile.columns)
        for j, aspect in enumerate(ASPECTS)
    ]  # fmt: skip
    return Window(block, rows, expected, tuple(findings))


def expected_rows(profile: Profile, block: int) -> float:
    """Rows of the median reference block at the phase of `block`; 0 where rows have no time."""
    features = [column for column in profile.columns if not column.is_score]
    if not profile.timed or not features:
        return 0.0
    same = features[0].blocks % profile.season == block % profile.season
    rows = features[0].table.sum(axis=1)
    return float(np.median(rows[same] if same.any() else rows))


def _compare(profile: Profile, column: Column, block: int, rate: float) -> Calibration:
    return calibrate(column, block % profile.season, profile.season, rate)


def _of_block(column: Column, block: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    place = np.flatnonzero(column.blocks == block)
    return column.table[place[0]] if len(place) else np.zeros(column.cells.size + 2, dtype=np.int64)
