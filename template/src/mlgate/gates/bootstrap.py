"""Bounds of rank metrics with few positives: the studentised bootstrap, exact in its cells and so fast.

The statistic (resampled value - value) / resampled standard error needs the influence function in every resample.
Rank metrics see a row only by class and cell (`influence.cells`), so drawing rows is drawing counts: one multinomial a
resample over some thousand cells instead of 100,000 rows. Clusters are drawn whole. The seed is fixed: a verdict that
changes when it is asked for twice is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mlgate.gates import influence
from mlgate.gates.sample import Sample

Array = NDArray[Any]
RESAMPLES, SEED = 999, 20261121
ELEMENTS = 4_000_000  # of one block of resamples: bounds the memory at about 300 MB


def bounds(rows: Sample, kernel: influence.Kernel, value: float, se: float, confidence: float) -> tuple[float, float]:
    """Lower and upper bound of a rank metric, each one-sided at `confidence`.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 12.5; on the metric's own scale.
    """
    draws = _rows(rows, kernel) if rows.codes is None else _clusters(rows, kernel)
    pairs = np.concatenate([np.stack(block, axis=1) for block in draws])
    pairs = pairs[np.isfinite(pairs).all(axis=1) & (pairs[:, 1] > 0)]
    statistic = (pairs[:, 0] - value) / pairs[:, 1]
    low, high = np.quantile(statistic, [1 - confidence, confidence])
    return max(0.0, value - float(high) * se), min(1.0, value - float(low) * se)


def _rows(rows: Sample, kernel: influence.Kernel) -> Iterator[tuple[Array, Array]]:
    """Values and standard errors of resamples of independent rows, in blocks."""
    random, n = np.random.default_rng(SEED), len(rows.y)
    positives, negatives = influence.count(rows.y, *influence.cells(rows.y, rows.s))
    held = np.concatenate([positives, negatives])
    filled = np.flatnonzero(held)
    for size in _blocks(2 * len(positives)):
        drawn = np.zeros((size, len(held)))
        drawn[:, filled] = random.multinomial(n, held[filled] / n, size=size)
        up, down = np.split(drawn, 2, axis=1)
        value, psi_up, psi_down = kernel(up, down)
        variance = 0.0
        for count, psi in ((up, psi_up), (down, psi_down)):
            total = count.sum(axis=1)
            variance = variance + (count * psi**2).sum(axis=1) * total / np.maximum(total - 1, 1)
        yield value, np.sqrt(variance) / n


def _clusters(rows: Sample, kernel: influence.Kernel) -> Iterator[tuple[Array, Array]]:
    """Values and standard errors of resamples of whole clusters, in blocks."""
    random, number = np.random.default_rng(SEED), rows.clusters
    cell, width = influence.cells(rows.y, rows.s)
    member = [
        sparse.csr_array((side.astype(float), (rows.codes, cell)), shape=(number, width))
        for side in (rows.y == 1, rows.y == 0)
    ]
    for matrix in member:
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    for size in _blocks(max(2 * width, number)):
        drawn = random.integers(0, number, (size, number)) + number * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * number).reshape(size, number).astype(float)
        up, down = ((matrix.T @ times.T).T for matrix in member)
        value, psi_up, psi_down = kernel(up, down)
        sums = member[0] @ psi_up.T + member[1] @ psi_down.T
        total = (up + down).sum(axis=1)
        yield value, np.sqrt((times.T * sums**2).sum(axis=0) * number / (number - 1)) / total


def _blocks(width: int) -> Iterator[int]:
    """Sizes of blocks of resamples that together are `RESAMPLES` and each fit in memory."""
    size, left = max(1, min(RESAMPLES, ELEMENTS // width)), RESAMPLES
    while left > 0:
        yield min(size, left)
        left -= size
