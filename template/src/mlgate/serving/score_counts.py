"""How scores are spread, counted for /metrics, so that two releases that serve side by side can be compared."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mlgate.packing.release import ModelCard
from mlgate.serving.counters import counters

# Finer towards 0, where the scores of a rare class lie; the same for every release, or they could not be compared.
EDGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9)


class ScoreCounts:
    """Counts a release's scores by cell (binary) or its answers by class; a regression's numbers have no cells."""

    def __init__(self, card: ModelCard, version: str) -> None:
        cells: dict[str, list[str]] = {
            "binary": [f"{edge:g}" for edge in (0.0, *EDGES)],
            "multiclass": [str(label) for label in card.classes],
        }
        scores = counters().scores
        self._cells = [scores.labels(version, cell) for cell in cells.get(card.task, [])]  # all there, from 0
        self._binary = card.task == "binary"

    def add(self, scores: Sequence[Any]) -> None:
        if not self._cells:
            return
        places = (
            (bisect_right(EDGES, score) for score in scores)
            if self._binary
            else (max(range(len(score)), key=score.__getitem__) for score in scores)
        )
        for place, count in Counter(places).items():
            self._cells[place].inc(count)
