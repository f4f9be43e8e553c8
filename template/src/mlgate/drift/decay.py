"""Has the live model become worse than it was on its holdout? Judged on labels, once enough of them have come.

A window counts when nearly all of its predictions have their label: what is labelled first (a fraud that was noticed,
a patient who came back) is seldom like the rest. Windows are put together until they hold as many cases as the gates
ask for. Of each such stretch z = (holdout - live) / standard error, and a cumulative sum of z - 1 that reaches 4 is an
alarm (Page 1954; k = 1, h = 4): an interval looked at again and again would end outside by chance alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mlgate.errors import DataError
from mlgate.gates.intervals import Interval, interval
from mlgate.gates.metrics import Metric
from mlgate.report import Check

ALLOWANCE, LIMIT, CAP = 1.0, 4.0, 6.0
LABELLED = 0.9  # of a window's predictions
CONFIDENCE = 0.975


@dataclass(frozen=True)
class Reference:
    """What the model measured on its holdout, at `CONFIDENCE`, and the smallest difference that matters."""

    metric: Metric
    value: float
    low: float
    high: float
    margin: float

    @property
    def se(self) -> float:
        return (self.high - self.low) / (2 * float(stats.norm.ppf(CONFIDENCE)))


@dataclass(frozen=True)
class Stretch:
    """Windows judged together: `start` of the first, `end` of the last; `sum` so far."""

    start: pd.Timestamp
    end: pd.Timestamp
    rows: int
    found: Interval
    sum: float


@dataclass(frozen=True)
class Decay:
    """What the labels say, oldest stretch first; `waiting` says why windows are not judged yet."""

    reference: Reference
    stretches: tuple[Stretch, ...] = ()
    labelled: int = 0
    predictions: int = 0
    waiting: str = ""

    @property
    def alarm(self) -> bool:
        """The sum is over its limit, and the newest stretch is worse by more than the margin."""
        if not self.stretches:
            return False
        last, sign = self.stretches[-1], self.reference.metric.sign
        return last.sum >= LIMIT and sign * (self.reference.value - last.found.value) > self.reference.margin

    @property
    def good(self) -> bool:
        """It was judged, and is not in doubt: its sum is below the limit."""
        return bool(self.stretches) and self.stretches[-1].sum < LIMIT

    @property
    def from_the_start(self) -> bool:
        """The change is no younger than the release: where a cumulative sum was last zero, it began (Page 1954)."""
        return all(stretch.sum > 0 for stretch in self.stretches)

    @property
    def reason(self) -> str:
        """The alarm in words."""
        live = self.stretches[-1].found.value
        return f"{self.reference.metric.name} is {live:.3f} on labels, {self.reference.value:.3f} on the holdout"


def check(decay: Decay, rollback: bool = False) -> Check:
    """The check `performance`: what the labels say of the live model against its holdout, and what helps."""
    metric = decay.reference.metric
    about = f"{decay.labelled:,} of {decay.predictions:,} predictions have their label"
    made = Check(id="performance", title=f"live {metric.name} is as on the holdout", status="skip", unit=metric.name)
    made.threshold = decay.reference.value - metric.sign * decay.reference.margin
    if not decay.stretches:
        made.evidence = f"{about}; not judged yet: {decay.waiting or 'none is of this model'}"
        return made
    last = decay.stretches[-1]
    made.status = "fail" if decay.alarm else "pass"
    made.observed, made.interval = last.found.value, (last.found.low, last.found.high)
    made.evidence = (
        f"{last.start:%Y-%m-%d %H:%M} to {last.end:%Y-%m-%d %H:%M}, {last.rows:,} rows;"
        f" holdout {decay.reference.value:.4g}; sum {last.sum:.1f}, an alarm from {LIMIT:g}; {about}"
    )
    if decay.waiting:
        made.evidence += f"; newer windows wait: {decay.waiting}"
    if decay.alarm:
        helps = "`mlgate rollback`" if rollback else "`mlgate retrain` on data that have these labels"
        made.mend = f"look at reports/monitor.html, then {helps}"
    return made


def judge(
    moments: pd.Series[Any],
    y: np.ndarray[Any, Any],
    s: np.ndarray[Any, Any],
    clusters: np.ndarray[Any, Any] | None,
    window: pd.Timedelta,
    reference: Reference,
) -> Decay:
    """Judge the predictions of one model version.

    Parameters
    ----------
    moments : (n,) when each row happened.
    y : (n,) the label, NaN where it is not known yet. s : (n,) or (n, classes) scores.
    clusters : (n,) keys of dependent rows, or None.
    window : of `monitor`.
    """
    known, blocks = np.isfinite(y), moments.dt.floor(window).to_numpy()
    stretches: list[Stretch] = []
    held: list[Any] = []
    waiting, total = "", 0.0
    for block in np.unique(blocks):
        here = blocks == block
        if known[here].mean() < LABELLED:
            waiting = f"{known[here].mean():.0%} of the predictions from {pd.Timestamp(block):%Y-%m-%d %H:%M} have one"
            continue
        held.append(block)
        rows = np.isin(blocks, held) & known
        keys = None if clusters is None else clusters[rows]
        try:
            found = interval(y[rows], s[rows], keys, reference.metric, CONFIDENCE)
        except DataError as error:
            waiting = str(error)
            continue
        total = max(0.0, total + min(_z(found, reference), CAP) - ALLOWANCE)
        end = pd.Timestamp(block) + window
        stretches.append(Stretch(pd.Timestamp(held[0]), end, int(rows.sum()), found, total))
        held, waiting = [], ""
    return Decay(reference, tuple(stretches), int(known.sum()), len(y), waiting)


def _z(found: Interval, reference: Reference) -> float:
    """How many standard errors the stretch lies on the bad side of the holdout."""
    worse = reference.metric.sign * (reference.value - found.value)
    return worse / float(np.hypot(found.se, reference.se))
