"""The view of one run as checks of the report: what failed, against which threshold, and what to do about it."""

from __future__ import annotations

from mlgate.drift import decay
from mlgate.drift.decision import Alarm
from mlgate.drift.view import View, sentence
from mlgate.params import MonitorSection
from mlgate.report import Check, Status


def checks(view: View, monitor: MonitorSection) -> list[Check]:
    """Checks `silence`, `performance` (with labels), `calibrated`, `prediction-drift` and `data-drift`.

    Of drift there is one row for each column that alarms.
    """
    newest, decision = view.windows[-1], view.decision
    silence = Check(
        id="silence",
        title="there is traffic",
        status="fail" if decision.silent else "pass",
        observed=newest.traffic,
        threshold=newest.least,
        unit="rows",
        evidence=f"window from {view.starts[-1]}; the reference has {newest.expected:,.0f} there",
        mend="look at `mlgate status` and at what calls the service",
    )
    told = [silence] + ([decay.check(view.decay, decision.word == "rollback")] if view.decay else [])
    if not newest.findings:
        why = "no traffic" if decision.silent else "too few rows of this model version in the newest window"
        skipped = ("calibrated", "prediction-drift", "data-drift")
        return [*told, *(Check(id=name, title=name, status="skip", evidence=why) for name in skipped)]
    return [*told, _calibrated(view), *_drift(view, monitor, scores=True), *_drift(view, monitor, scores=False)]


def _calibrated(view: View) -> Check:
    names = view.uncalibrated
    status: Status = "skip"
    if not view.profile.timed:
        evidence = "rows have no time: judged as independent rows, without a season"
    elif names:
        shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        evidence = f"{len(names)} columns open nothing, too few reference windows: {shown}"
    else:
        status, evidence = "pass", "every threshold comes from the reference's own windows"
    return Check(id="calibrated", title="thresholds are calibrated", status=status, evidence=evidence)


def _drift(view: View, monitor: MonitorSection, scores: bool) -> list[Check]:
    """One row for each alarmed column, or one that says that there is none."""
    name = "prediction-drift" if scores else "data-drift"
    total = sum(column.is_score == scores for column in view.profile.columns)
    if not total:
        return [Check(id=name, title=name, status="skip", evidence="none of these columns is in the prediction log")]
    alarms: dict[str, list[Alarm]] = {}
    for alarm in view.decision.alarms:
        if alarm.finding.is_score == scores:
            alarms.setdefault(alarm.finding.column, []).append(alarm)
    if not alarms:
        flagged = {a.finding.column for a in view.decision.watched if a.finding.is_score == scores}
        seen = f"; flagged, not alarmed: {', '.join(sorted(flagged)[:5])}" if flagged else ""
        return [Check(id=name, title=name, status="pass", evidence=f"{total} columns, no alarm{seen}")]
    return [
        Check(
            id="prediction-drift" if scores and total == 1 else f"{name}/{column}",
            title=f"{column} is distributed as when the model was trained",
            status="fail",
            observed=found[0].finding.effect,
            threshold=found[0].finding.threshold,
            evidence="; ".join(sentence(alarm, monitor.n) for alarm in found),
            mend=_mend(found),
        )
        for column, found in alarms.items()
    ]


def _mend(alarms: list[Alarm]) -> str:
    if any(alarm.finding.aspect == "missing" for alarm in alarms):
        return "find out why the field is missing at its source; do not retrain before"
    return "see reports/monitor.html; if the change is real, `mlgate retrain`"
