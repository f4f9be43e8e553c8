"""What a window of that size and season does by itself: thresholds from the reference's own blocks of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mlgate.drift.cells import Floats, Ints
from mlgate.drift.compare import effects, floors
from mlgate.drift.profile import Column

MIN_BLOCKS = 8
MIN_PHASE = 4
_THIN = 0.5  # of the median block's rows: begun or ended in the middle
_WORST = 3.0  # times the worst block: no threshold is looser, however few blocks are independent
_SPREAD = 0.25  # of the reference's span: blocks nearer than that resemble each other too much to judge each other


@dataclass(frozen=True)
class Calibration:
    """What a window of one phase is compared with, and what its effects must exceed.

    Attributes
    ----------
    reference : (width,) counts of the blocks that resemble the window.
    thresholds : (4,) as in compare.ASPECTS.
    blocks : blocks behind the thresholds. warm_up : blocks left out at the beginning, when histories were short.
    calibrated : False where there were too few blocks; such a column opens nothing.
    """

    reference: Ints
    thresholds: Floats
    blocks: int
    warm_up: int
    calibrated: bool


def calibrate(column: Column, phase: int, season: int, rate: float) -> Calibration:
    """Thresholds for a window at `phase` (block number modulo `season`), each exceeded at `rate` by chance.

    Every block is compared with the blocks of its phase that are not its neighbours, as production is compared with
    a reference that ended some time ago. Effects (the square root of the distribution's, shares as they are) are
    centred by phase, their spread pooled over all of them, and the number of blocks reduced to that of independent
    ones (autocorrelation of order one). The threshold is the prediction bound mean + t · sd · √(1 + 1/m).
    """
    blocks, table = _whole(column)
    floor = floors(column.cells.kind)
    if len(blocks) < MIN_BLOCKS:
        return Calibration(column.total, floor, len(blocks), 0, calibrated=False)
    start = _warm_up(column, blocks, table)
    blocks, table = blocks[start:], table[start:]
    phases = blocks % season
    if (phases == phase).sum() < MIN_PHASE:
        phases, phase = np.zeros_like(blocks), 0
    found = _sizes(column, blocks, table, phases)
    sizes = np.column_stack([np.sqrt(found[:, 0]), found[:, 1:]])
    enough = np.isin(phases, [p for p in np.unique(phases) if (phases == p).sum() >= MIN_PHASE])
    thresholds = np.array([_bound(sizes[enough, i], phases[enough], phase, rate) for i in range(len(floor))])
    thresholds[0] = thresholds[0] ** 2
    thresholds = np.minimum(thresholds, _WORST * found.max(axis=0))
    reference: Ints = table[phases == phase].sum(axis=0)
    return Calibration(reference, np.maximum(thresholds, floor), int(enough.sum()), start, calibrated=True)


def _whole(column: Column) -> tuple[Ints, Ints]:
    """Blocks with a time and with at least half the rows of the median one."""
    rows = column.table.sum(axis=1)
    dated = column.blocks >= 0
    kept = dated & (rows >= _THIN * np.median(rows[dated])) if dated.any() else dated
    return column.blocks[kept], column.table[kept]


def _sizes(column: Column, blocks: Ints, table: Ints, phases: Ints) -> Floats:
    """Each block's effects against the blocks of its phase that are not near it, (m, 4)."""
    near = np.abs(blocks[:, None] - blocks[None, :]) <= _SPREAD * (blocks[-1] - blocks[0])
    same = phases[:, None] == phases[None, :]
    use = same & ~near
    alone = ~use.any(axis=1)
    use[alone] = (same & ~np.eye(len(blocks), dtype=bool))[alone]
    return effects(column.cells.kind, use.astype(np.int64) @ table, table)


def _bound(sizes: Floats, phases: Ints, phase: int, rate: float) -> float:
    """Prediction bound for the effect of one more block of this phase."""
    names, place, counts = np.unique(phases, return_inverse=True, return_counts=True)
    means = np.bincount(place, sizes) / counts
    rest = sizes - means[place]
    here = int(np.searchsorted(names, phase))
    spread = float((rest**2).sum())
    if spread == 0:
        return float(means[here])
    seen = max(float((rest[1:] * rest[:-1]).sum()) / spread, 0.0)
    order = min(
        seen + (1 + 3 * seen) / len(rest), 0.95
    )  # short series seem less correlated than they are (Kendall 1954)
    independent = len(rest) * (1 - order) / (1 + order)
    freedom = max(independent - len(names) * independent / len(rest), 2.0)
    sd = np.sqrt(spread / max(len(rest) - len(names), 1) * (freedom + 1) / freedom)
    own = max(min(counts[here], independent), 1.0)
    return float(means[here] + stats.t.isf(rate, freedom) * sd * np.sqrt(1 + 1 / own))


def _warm_up(column: Column, blocks: Ints, table: Ints) -> int:
    """How many blocks at the beginning differ from the second half by more than that half does from itself.

    Windows over the past are empty in the first days of any data set; those days are no reference.
    """
    half = len(blocks) // 2
    late = np.arange(len(blocks)) >= half
    settled = table[late].sum(axis=0)
    own = np.where(late[:, None], table, 0)
    found = effects(column.cells.kind, settled - own, table)
    bound = np.maximum(2 * found[late].max(axis=0), floors(column.cells.kind))
    outside = np.flatnonzero((found[:half] > bound).any(axis=1))
    return int(min(outside[-1] + 1, len(blocks) - MIN_BLOCKS)) if len(outside) else 0
