"""What a release has to show in staging before production takes it: time, and a watch that found nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import get_args

from pydantic import ValidationError

from mlgate.drift.decision import Word
from mlgate.ledger.entry import Entry
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Check, Report, Status

SKEW = timedelta(minutes=5)  # by which two clocks may differ and nobody minds


def soak_check(entries: list[Entry], soak: timedelta | None, now: datetime, waived: str = "") -> Check:
    """Whether staging has carried its release for `soak`.

    Which commit brought it is a matter of order. How long ago that was is a matter of clocks, and one may be wrong:
    what came before that commit (its parent, the build) can't be later than it, so a date before those is not believed;
    and a date in the future is said to be one, as no age follows from it.
    """
    release = entries[0].release if entries else None
    if soak is None:
        return _soak("skip", "deploy.soak is null")
    if release is None:
        return _soak("error", "staging names no release")
    carried = list(takewhile(lambda entry: entry.release is not None and entry.release.image == release.image, entries))
    first, before = carried[-1], entries[len(carried) : len(carried) + 1]
    dated = datetime.fromisoformat(first.when)
    said = f"{release.version} came with {first.commit[:12]}, dated {_utc(dated)}"
    if waived:
        return _soak("pass", f"{said}; waived: {waived}", soak)
    waiving = '`mlgate promote --waive-soak "REASON"`'
    if dated > now + SKEW:
        ahead = f"{said}, {dated - now} ahead of this machine's clock: one of the two is wrong, and no age can be told"
        return _soak("error", ahead, soak, mend=f"set the clock right; if the commit's date is wrong, {waiving}")
    earlier = [datetime.fromisoformat(entry.when) for entry in before] + [_aware(release.built)]
    since = max([dated, *(moment for moment in earlier if moment <= now)])
    if since - dated > SKEW:
        said += f", but what came before it is dated {_utc(since)}: counted from there"
    age = max(now - since, timedelta())
    if age >= soak:
        return _soak("pass", said, soak, age)
    return _soak("fail", said, soak, age, f"promote in {soak - age}, or say why not to wait: {waiving}")


def _soak(
    status: Status, evidence: str, soak: timedelta | None = None, age: timedelta | None = None, mend: str = ""
) -> Check:
    observed, threshold = (None if span is None else round(span / timedelta(hours=1), 3) for span in (age, soak))
    title = "Staging has carried it for deploy.soak"
    return Check(
        id="soak", title=title, status=status, observed=observed, threshold=threshold, unit="h" if soak else "",
        evidence=evidence, mend=mend,
    )  # fmt: skip


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def watch_check(project: Project, release: Release, seen: tuple[str, str]) -> Check:
    """Whether staging's live traffic, as it is now, shows a healthy release, and no record of the watch says otherwise.

    Parameters
    ----------
    seen
        The word of the decision and its reason; no word where there is nothing to judge, with why.
    """
    title, (word, reason) = "The watch on it finds nothing", seen
    recorded = _recorded(project, release)
    if word not in ("", "healthy"):
        mend = "run `mlgate monitor --env staging`, and see reports/monitor.html"
        return Check(id="watch", title=title, status="fail", evidence=f"{word}: {reason}", mend=mend)
    if recorded and not recorded.startswith("healthy"):
        mend = "see reports/monitor.html; promote when `mlgate monitor --env staging` says healthy"
        return Check(id="watch", title=title, status="fail", evidence=recorded, mend=mend)
    if not word and not recorded:
        return Check(id="watch", title=title, status="skip", evidence=f"not watched: {reason}")
    return Check(id="watch", title=title, status="pass", evidence=f"{word}: {reason}" if word else recorded)


def _recorded(project: Project, release: Release) -> str:
    """What the newest `mlgate monitor` here decided on this release; empty where it decided nothing, or on another.

    It may know labels that were given to it by hand.
    """
    report = _record(project, "monitor")
    if report is None or report.subject.image_digest != release.image:
        return ""
    word = next((note for note in report.notes if note.partition(": ")[0] in get_args(Word)), "")
    return word and f"{word} ({report.started:%Y-%m-%d %H:%M} UTC)"


def smoke_check(project: Project, release: Release) -> Check:
    """Where nothing here runs staging: what the newest deploy's smoke test found, if it was of this release."""
    title, report = "Staging is in good health", _record(project, "deploy")
    if report is None or report.subject.image_digest != release.image:
        why = (
            f"no engine here runs staging, deploy.urls names no address, and no smoke test of {release.version} is here"
        )
        return Check(id="health", title=title, status="skip", evidence=why)
    good = [check.id for check in report.checks if check.status == "pass"]
    if report.exit_code:
        mend = "see reports/deploy.json, and deploy again"
        return Check(id="health", title=title, status="fail", evidence="its deploy was red", mend=mend)
    if not good:
        return Check(id="health", title=title, status="skip", evidence="its deploy started nothing here")
    return Check(id="health", title=title, status="pass", evidence=f"its deploy passed {', '.join(good)}")


def _record(project: Project, verb: str) -> Report | None:
    try:
        return Report.read(project.reports / f"{verb}.json")
    except (OSError, ValidationError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
