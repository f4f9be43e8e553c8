"""The numbers of params.yaml that follow from the table: holdout, metric, floor, margin, monitoring window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from mlgate.adopt.columns import Findings
from mlgate.adopt.trial import Trial
from mlgate.duration import format_duration
from mlgate.gates.power import CORRELATION, RULE
from mlgate.gates.sample import FEWEST, NEAR_PERFECT_AUC

SHARES = (0.2, 0.3, 0.4, 0.5)
ROOM = 1.3  # a hash gives a side somewhat more or fewer rows than its share
TREES_FROM = 2_000  # rows; with fewer a regularised linear model is the safer start
WINDOWS = ("1h", "6h", "12h", "1d", "1w", "2w", "4w")
WINDOW_ROWS = 500
BLOCKS = 12  # windows that the reference should hold, to learn how they vary
SCORE_BLOCKS = 9  # that the holdout should hold, as scores are known from there alone; eight are needed
SCORED_ROWS = 200  # fewer in a window are not worth a reference for scores
FEWEST_WINDOW_ROWS = 5
HOUR = pd.Timedelta(hours=1)
HOURS = {"h": 1, "d": 24, "w": 168}


@dataclass(frozen=True)
class Gates:
    """Metric, floor and margin, with the words beside them in params.yaml; `weak` says what can't be judged."""

    metric: str
    floor: float
    margin: float
    metric_words: str
    floor_words: str
    margin_words: str
    weak: str


@dataclass(frozen=True)
class Window:
    """The `monitor` section: `length` and `season` as durations, `min_rows` below which a window is silence."""

    length: str
    season: str | None
    k: int
    n: int
    min_rows: int
    words: str


def is_trees(found: Findings) -> bool:
    return len(found.rows) >= TREES_FROM


def holdout(found: Findings) -> tuple[str | float, str]:
    """`split.holdout`, and why: the smallest usual share that can carry a verdict."""
    share = next((share for share in SHARES if _carries(found, share)), SHARES[-1])
    words = f"{share:.0%} of rows, so that the gates have enough" if share > 0.2 else "a fifth of the rows"
    time = found.by_role("time")
    if time is None:
        return share, f"{words}; by hash, so that a row never changes sides"
    times = found.rows[time.name].sort_values(ignore_index=True)
    span = times.iloc[-1] - times[int((1 - share) * (len(times) - 1))]
    duration = _duration(span.to_pytimedelta())
    if duration >= times.iloc[-1] - times.iloc[0] or duration <= timedelta(0):
        return share, f"the newest: {words}"
    return format_duration(duration), f"the newest: about {words}"


def _carries(found: Findings, share: float) -> bool:
    cluster = found.by_role("cluster")
    if cluster is not None and found.rows[cluster.name].nunique() * share < FEWEST["clusters"] * ROOM:
        return False
    if found.task != "binary":
        return len(found.rows) * share >= FEWEST["rows"] * ROOM * 2
    return int(found.rows[found.target.name].value_counts().min()) * share >= FEWEST["class"] * ROOM * 2


def _duration(span: timedelta) -> timedelta:
    """Rounded up to weeks, days, hours or minutes, whichever is fine enough."""
    for unit, least in ((timedelta(weeks=1), 8), (timedelta(days=1), 3), (timedelta(hours=1), 3)):
        if span >= least * unit:
            return math.ceil(span / unit) * unit
    return math.ceil(span / timedelta(minutes=1)) * timedelta(minutes=1)


def gates(found: Findings, trial: Trial) -> Gates:
    """Metric, floor and margin from what cross-validation on the training rows gave."""
    metric, why = _metric(found, trial)
    higher = metric in ("average_precision", "roc_auc", "accuracy")
    value, trivial, error = trial.value(metric), _trivial(metric, trial.y), trial.error(metric)
    gain = value - trivial if higher else trivial - value
    kept = max(0.1 * gain, min(0.5 * gain, gain - 4 * error)) if gain > 0 else 0.0
    floor = _rounded(trivial + kept if higher else trivial - kept)
    two = math.sqrt(2 * (1 - CORRELATION)) * error
    if metric in RULE and trial.holdout_scarcest:  # as the check `power` will expect it
        two = max(two, RULE[metric] / math.sqrt(trial.holdout_scarcest))
    margin = _rounded(max(0.05 * abs(gain), 2.8 * two, 1e-6), up=True)
    return Gates(
        metric,
        floor,
        margin,
        why,
        f"cross-validated on training rows {value:.4g}; a constant has {trivial:.4g}",
        f"an equal model passes in at least 4 of 5 cases (standard error about {two:.2g})",
        _weakness(found, trial, gain, error),
    )


def _metric(found: Findings, trial: Trial) -> tuple[str, str]:
    if found.task == "regression":
        return "mae", "in the unit of the target, and calm about single large errors"
    if found.task == "multiclass":
        return "accuracy", "share of rows in their class"
    positives = float(trial.y.mean())
    if positives < 0.1:
        return "average_precision", f"{positives:.1%} positives"
    scarce = trial.holdout_scarcest < FEWEST["class, AUC above .97"] * ROOM
    if trial.value("roc_auc") > NEAR_PERFECT_AUC - 0.01 and scarce:
        return "brier", "an AUC this near to 1 would need more rows for a verdict"
    return "roc_auc", f"{positives:.0%} positives"


def _trivial(metric: str, y: np.ndarray[Any, Any]) -> float:
    """What a model without features has."""
    share = float(y.mean())
    match metric:
        case "average_precision":
            return share
        case "roc_auc":
            return 0.5
        case "brier":
            return share * (1 - share)
        case "accuracy":
            return float(np.bincount(y.astype(int)).max() / len(y))
        case _:
            return float(np.abs(y - np.median(y)).mean())


def _weakness(found: Findings, trial: Trial, gain: float, error: float) -> str:
    """What the gates will not be able to judge, said before they try; empty if nothing."""
    few = FEWEST["class"] if found.task == "binary" else FEWEST["rows"]
    have = trial.holdout_scarcest if found.task == "binary" else trial.holdout_rows
    if have < few:
        what = "rows of the rarer class" if found.task == "binary" else "rows"
        return f"the holdout has {have} {what}, a verdict needs {few}: too few, `validate` is red (holdout-size)"
    if found.by_role("cluster") and trial.holdout_clusters < FEWEST["clusters"]:
        return (
            f"the holdout has {trial.holdout_clusters} clusters, a verdict needs {FEWEST['clusters']}: too few to gate"
        )
    if gain <= 0:
        return "cross-validated, the model is no better than a constant: the floor gate will be red"
    if gain < 4.4 * error:
        return "the model is hardly better than a constant on so few rows: the floor gate may be red by chance"
    return ""


def _rounded(value: float, up: bool = False) -> float:
    """Three significant digits; `up`: two, upwards."""
    if value == 0:
        return 0.0
    digits = (1 if up else 2) - math.floor(math.log10(abs(value)))
    scaled = value * 10.0**digits
    return round((math.ceil(scaled - 1e-9) if up else round(scaled)) / 10.0**digits, max(digits, 0))


def window(found: Findings) -> Window:
    """About 500 rows a window, a dozen windows in the reference, and enough in the holdout to know the scores by."""
    time = found.by_role("time")
    if time is None:
        rows = max(FEWEST_WINDOW_ROWS, min(100, len(found.rows) // 10))
        return Window("1d", None, 1, 1, rows, "there is no time column: one window, the last day's answers")
    times = found.rows[time.name].sort_values(ignore_index=True)
    hours = max((times.iloc[-1] - times.iloc[0]) / HOUR, 1.0)
    held = (times.iloc[-1] - times[int((1 - SHARES[0]) * (len(times) - 1))]) / HOUR
    rates = {name: len(times) / hours * _hours(name) for name in WINDOWS}
    fitting = [name for name in WINDOWS if hours >= BLOCKS * _hours(name)] or [WINDOWS[0]]
    name = next((name for name in fitting if rates[name] >= WINDOW_ROWS), fitting[-1])
    scored = [name for name in fitting if held >= SCORE_BLOCKS * _hours(name) and rates[name] >= SCORED_ROWS]
    name = min([name, *scored[-1:]], key=_hours)
    length = _hours(name)
    season = "1w" if length <= 24 and hours >= 8 * 168 else "1d" if length < 24 and hours >= 8 * 24 else None
    return Window(name, season, 2, 3, max(FEWEST_WINDOW_ROWS, int(rates[name] / 4)), f"about {rates[name]:,.0f} rows")


def _hours(name: str) -> int:
    return int(name[:-1]) * HOURS[name[-1]]
