"""Two models on rows whose truth is known: Gaussian scores, shifted for positives, correlated, also in clusters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, stats

Array = NDArray[Any]


@dataclass(frozen=True)
class World:
    """n rows of which about `share` are positive; `shift` separates them; two models' scores correlate `rho`."""

    n: int
    share: float
    shift: float = 1.5
    rho: float = 0.9
    clusters: int = 0
    icc: float = 0.5

    def draw(self, random: np.random.Generator) -> tuple[Array, Array, Array, Array | None]:
        """Labels, scores of two equally good models, clusters."""
        shared, one, two, label = random.normal(size=(4, self.n))
        codes = None
        if self.clusters:
            codes = random.integers(0, self.clusters, self.n)
            between = random.normal(size=(4, self.clusters))[:, codes] * np.sqrt(self.icc)
            shared, one, two, label = between + np.sqrt(1 - self.icc) * np.stack([shared, one, two, label])
        y = (label > stats.norm.ppf(1 - self.share)).astype(int)
        common = np.sqrt(self.rho) * shared + self.shift * y
        return y, *(self._probability(common + np.sqrt(1 - self.rho) * own) for own in (one, two)), codes

    def _probability(self, score: Array) -> Array:
        odds = np.log(self.share / (1 - self.share)) + self.shift * score - self.shift**2 / 2
        return np.asarray(1 / (1 + np.exp(-odds)))

    @cached_property
    def truth(self) -> dict[str, float]:
        """What each metric is on infinitely many rows."""
        above, p = stats.norm.sf, self.share

        def average(value: Any, centre: float) -> float:
            return float(integrate.quad(lambda x: value(x) * stats.norm.pdf(x - centre), centre - 9, centre + 9)[0])

        def mean(loss: Any) -> float:
            sides = ((1 - p, 0.0, False), (p, self.shift, True))
            return sum(w * average(lambda x, positive=positive: loss(x, positive), m) for w, m, positive in sides)

        def precision(x: float) -> float:
            found = p * above(x - self.shift)
            return float(found / (found + (1 - p) * above(x)))

        def given(x: float, positive: bool) -> float:
            probability = float(self._probability(np.array(x)))
            return probability if positive else 1 - probability

        return {
            "average_precision": average(precision, self.shift),
            "roc_auc": float(stats.norm.cdf(self.shift / np.sqrt(2))),
            "log_loss": mean(lambda x, positive: -np.log(given(x, positive))),
            "brier": mean(lambda x, positive: (1 - given(x, positive)) ** 2),
        }
