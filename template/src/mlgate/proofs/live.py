"""Bad live traffic for every check of `monitor`, made from rows that the model knows: none, moved, missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from mlgate.drift import decay
from mlgate.drift.look import look
from mlgate.drift.profile import Profile
from mlgate.drift.traffic import Traffic as Seen
from mlgate.drift.verdicts import checks
from mlgate.drift.view import View
from mlgate.errors import DataError
from mlgate.gates.intervals import interval
from mlgate.gates.metrics import find
from mlgate.params import MonitorSection, Params
from mlgate.project import Project
from mlgate.proofs.proof import Proof
from mlgate.report import Check
from mlgate.table.split import split

VERSION = "proof"
CHECKS = ("silence", "data-drift", "prediction-drift", "performance")
LOOKS = 6  # at the same labels: a weak model turned round is told from itself only after some
UNCALIBRATED = "too few reference windows to calibrate thresholds: it opens nothing here"


@dataclass(frozen=True)
class Traffic:
    """A prediction log of known rows: `frame` (n, columns), `moments` (n,), judged as of `end`."""

    frame: pd.DataFrame
    moments: pd.Series[Any]
    end: datetime
    profile: Profile
    monitor: MonitorSection

    def view(self, frame: pd.DataFrame, end: datetime | None = None) -> View:
        seen = Seen(self.profile, VERSION, self.monitor, end or self.end)
        head = {"event_time": self.moments, "time": self.moments, "version": VERSION, "row": None}
        seen.add(pd.DataFrame(head), frame)
        return look("proof", seen)

    def judged(self, name: str, frame: pd.DataFrame, end: datetime | None = None) -> Callable[[], Check]:
        """The first verdict of the named check; `data-drift/amount` counts as `data-drift`."""

        def run() -> Check:
            found = checks(self.view(frame, end), self.monitor)
            check = next(check for check in found if check.id.split("/")[0] == name)
            return check.model_copy(update={"id": name})

        return run


def proofs(project: Project, frame: pd.DataFrame, features: Callable[..., pd.DataFrame]) -> dict[str, Proof]:
    """Proofs for the checks of live traffic, judged with the profile in `models/`."""
    params = project.params
    profile = Profile.from_json((project.models / "profile.json").read_bytes())
    train = split(frame, params).train
    times = frame.loc[train, params.data.time] if params.data.time else None
    inputs = _traffic(features(frame, None)[train], times, profile, params.monitor, scores=False)
    held = pd.read_parquet(project.models / "holdout.parquet")
    scores = held[[name for name in held.columns if str(name).startswith("score")]]
    outputs = _traffic(scores, held["time"] if params.data.time else None, profile, params.monitor, scores=True)
    found = {"silence": _silence(inputs), "data-drift": _moved(inputs), "prediction-drift": _scores(outputs)}
    return {**found, "performance": _performance(held, params)}


def _traffic(
    frame: pd.DataFrame, times: pd.Series[Any] | None, profile: Profile, monitor: MonitorSection, scores: bool
) -> Traffic:
    """The last n windows of rows from the middle of their time, or a sample where rows have no time."""
    kept = profile.only(column.name for column in profile.columns if column.is_score == scores)
    if times is None:
        sample = frame.sample(n=min(len(frame), 20 * monitor.min_rows), random_state=0)
        end = datetime(2026, 1, 1) + timedelta(seconds=profile.window * monitor.n)
        steps = np.linspace(0.0, profile.window * monitor.n, len(sample), endpoint=False)
        moments = pd.Series(pd.Timestamp("2026-01-01") + pd.to_timedelta(steps, unit="s"), index=sample.index)
        return Traffic(sample, moments, end, kept, monitor)
    middle = times.sort_values(ignore_index=True)[int(len(times) * 0.6)]
    seconds = np.ceil(middle.timestamp() / profile.window) * profile.window
    end = datetime(1970, 1, 1) + timedelta(seconds=float(seconds))
    inside = (times < end) & (times >= end - timedelta(seconds=profile.window * monitor.n))
    return Traffic(frame[inside], times[inside], end, kept, monitor)


def _silence(traffic: Traffic) -> Proof:
    later = traffic.end + 10 * timedelta(seconds=traffic.profile.window)
    bad = {"ten windows later, no row": traffic.judged("silence", traffic.frame, later)}
    return Proof(traffic.judged("silence", traffic.frame), bad)


def _moved(traffic: Traffic) -> Proof:
    frame = traffic.frame
    names = [str(name) for name in frame.columns]
    numbers = [n for n in names if pd.api.types.is_numeric_dtype(frame[n].dtype) and frame[n].nunique() > 2]
    texts = [n for n in names if not pd.api.types.is_numeric_dtype(frame[n].dtype)]
    bad = {}
    if numbers:
        name = max(numbers, key=lambda n: frame[n].nunique())
        moved = frame.assign(**{name: frame[name] * 3 + frame[name].std() + 1})
        bad[f"{name} three times as large"] = traffic.judged("data-drift", moved)
        bad[f"{name} missing"] = traffic.judged("data-drift", frame.assign(**{name: np.nan}))
    if texts:
        bad[f"{texts[0]} never seen"] = traffic.judged("data-drift", frame.assign(**{texts[0]: "never-seen"}))
    return Proof(traffic.judged("data-drift", frame), bad, _unless(traffic))


def _scores(traffic: Traffic) -> Proof:
    frame = traffic.frame
    low, high = frame.min().min(), frame.max().max()
    if "score" in frame:
        said = {"scores moved up": frame + (high - low), "every score the highest": frame.assign(score=high)}
    else:  # one score a class
        said = {"scores turned round": low + high - frame}
    bad = {label: traffic.judged("prediction-drift", scores) for label, scores in said.items()}
    return Proof(traffic.judged("prediction-drift", frame), bad, _unless(traffic))


def _performance(held: pd.DataFrame, params: Params) -> Proof:
    """The holdout's own labels, looked at again and again: with its scores, and with these turned round."""
    y = held["target"].to_numpy(np.float64)
    s = held[[name for name in held.columns if str(name).startswith("score")]].to_numpy(np.float64)
    s = s[:, 0] if s.shape[1] == 1 else s
    clusters = None if held["cluster"].isna().any() else held["cluster"].to_numpy(np.uint64)
    metric = find(params.gates.metric, params.data.task)
    try:
        known = interval(y, s, clusters, metric, decay.CONFIDENCE)
    except DataError as error:
        return Proof(lambda: Check(id="performance", title="", status="skip"), unless=str(error))
    reference = decay.Reference(metric, known.value, known.low, known.high, params.gates.champion.margin)
    moments = pd.Series(pd.date_range("2026-01-01", periods=LOOKS, freq="D").repeat(len(y)))

    def judged(scores: Any) -> Callable[[], Check]:
        labels, said = (np.concatenate([part] * LOOKS) for part in (y, scores))
        keys = None if clusters is None else np.concatenate([clusters] * LOOKS)
        return lambda: decay.check(decay.judge(moments, labels, said, keys, pd.Timedelta(days=1), reference))

    turned = np.roll(s, 1, axis=1) if s.ndim == 2 else s.min() + s.max() - s
    return Proof(judged(s), {"answers turned round": judged(turned)})


def _unless(traffic: Traffic) -> str:
    if not len(traffic.frame):
        return "no reference rows in the middle of their time"
    found = traffic.view(traffic.frame)
    if found.windows[-1].silent:
        return "the reference's own windows have too few rows (monitor.min_rows)"
    return UNCALIBRATED if len(found.uncalibrated) == len(traffic.profile.columns) else ""
