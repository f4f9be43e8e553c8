"""From windows to one word: what to do now.

| newest window is silent | missing alarms | data alarms | prediction alarms | flagged now, too few windows | decision |
|---|---|---|---|---|---|
| yes | any | any | any | any | investigate: no traffic |
| no | yes | any | any | any | investigate: a field is lost, and a model trained on that would learn the fault |
| no | no | yes | any | any | retrain: the world changed; the gates decide whether the new model is better |
| no | no | no | yes | any | investigate: the inputs are as before, the predictions are not |
| no | no | no | no | yes | watch |
| no | no | no | no | no | healthy |

Labels that came later, where there are any, go before all but silence and a lost field: a model that has become worse
is to be trained again, whatever the inputs look like. One that was worse from its first predictions on, where the
release before it was as good as its holdout and the inputs are as they were, was never what its gates said: roll back.

An alarm is a finding that is flagged in k of the last n windows *and* in the newest. Findings without a calibrated
threshold never alarm; at most they make it `watch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mlgate.drift.watch import Finding, Window

Word = Literal["healthy", "watch", "investigate", "retrain", "rollback"]


@dataclass(frozen=True)
class Alarm:
    """A finding of the newest window and in how many of the last n it was flagged."""

    finding: Finding
    windows: int


@dataclass(frozen=True)
class Decision:
    word: Word
    reason: str
    silent: bool
    alarms: tuple[Alarm, ...]
    watched: tuple[Alarm, ...]


def decide(windows: Sequence[Window], k: int, n: int) -> Decision:
    """Decide on windows in order of time; the last n count (see the table above)."""
    last = list(windows)[-n:]
    if not last or last[-1].silent:
        return Decision("investigate", "no traffic, or next to none", True, (), ())
    flagged = [Alarm(f, sum(_flagged(window, f) for window in last)) for f in last[-1].flagged]
    alarms = tuple(alarm for alarm in flagged if alarm.windows >= k and alarm.finding.calibrated)
    watched = tuple(alarm for alarm in flagged if alarm not in alarms)
    word, reason = _word(alarms, watched, bool(last[-1].findings))
    return Decision(word, reason, False, alarms, watched)


def decayed(decision: Decision, reason: str, former: str = "") -> Decision:
    """The decision where labels say that the model has become worse.

    Parameters
    ----------
    former
        Version of the release before, if that one was good to its end and this one never was.
    """
    lost = any(a.finding.aspect == "missing" and not a.finding.is_score for a in decision.alarms)
    if decision.silent or lost:
        return replace(decision, reason=f"{decision.reason}; and {reason}")
    moved = any(not alarm.finding.is_score for alarm in decision.alarms)
    if former and not moved:
        why = f"the model was never as good as its holdout said, and {former} before it was; the inputs are as before"
        return replace(decision, word="rollback", reason=f"{why}: {reason}")
    return replace(decision, word="retrain", reason=f"the model has become worse: {reason}")


def _word(alarms: Sequence[Alarm], watched: Sequence[Alarm], judged: bool) -> tuple[Word, str]:
    features = [alarm.finding for alarm in alarms if not alarm.finding.is_score]
    if any(finding.aspect == "missing" for finding in features):
        return "investigate", "a field is lost; a model trained on that would learn the fault"
    if features:
        moved = "and so did the predictions" if len(features) < len(alarms) else "the predictions did not, yet"
        return "retrain", f"the inputs moved away from what the model was trained on, {moved}"
    if alarms:
        return "investigate", "the predictions moved although the inputs did not"
    if watched:
        return "watch", "something moved in the newest window; too early, or not calibrated, to call it drift"
    return "healthy", "nothing moved" if judged else "traffic flows; too few rows of this model version to judge yet"


def _flagged(window: Window, finding: Finding) -> bool:
    return any(f.column == finding.column and f.aspect == finding.aspect for f in window.flagged)
