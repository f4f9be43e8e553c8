"""The reports that `mlgate` wrote, read as what a stranger could have written: limits, types, and no trust."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST_BYTES = 4_000_000
MOST_CHECKS = 2_000
STATUSES = ("error", "fail", "pass", "skip")  # worst first
MARK = {"pass": "✅", "fail": "❌", "skip": "⏭️", "error": "⚠️"}


@dataclass(frozen=True)
class Check:
    id: str
    title: str
    status: str
    observed: float | None
    interval: tuple[float, float] | None
    threshold: float | None
    unit: str
    evidence: str
    mend: str

    @property
    def red(self) -> bool:
        return self.status in ("fail", "error")

    @property
    def number(self) -> str:
        """`0.595 [0.546, 0.649] average_precision`, as far as it is known."""
        words = "" if self.observed is None else shown(self.observed)
        words += f" [{shown(self.interval[0])}, {shown(self.interval[1])}]" if self.interval else ""
        return f"{words} {self.unit}".strip()

    @property
    def limit(self) -> str:
        """The threshold as it is read: `5,000`, `0.4`; empty where there is none."""
        return "" if self.threshold is None else shown(self.threshold)


def shown(number: float) -> str:
    """A number as people write it: `221,715`, `0.5951`."""
    large = 1e4 <= abs(number) < 1e15
    return f"{number:,.0f}" if large or (abs(number) < 1e4 and number == int(number)) else f"{number:.4g}"


@dataclass(frozen=True)
class Verdict:
    """One `reports/<verb>.json`."""

    verb: str
    status: str
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    subject: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def check(self, name: str) -> Check | None:
        return next((check for check in self.checks if check.id == name), None)


def read(path: Path) -> Verdict | None:
    """The report at `path`; None where there is none. What is not a report is a verdict `error` that says so."""
    if path.is_symlink() or not path.is_file():
        return None
    verb = path.stem
    if path.stat().st_size > MOST_BYTES:
        return damaged(verb, f"{path.name} is larger than {MOST_BYTES:,} bytes")
    try:
        said = json.loads(path.read_bytes())
        return _verdict(verb, said)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        return damaged(verb, f"{path.name} is not a report of mlgate: {str(error)[:100]}")


def damaged(verb: str, why: str) -> Verdict:
    mend = "run the job again; the verb's own log says more"
    return Verdict(verb, "error", [Check(verb, verb, "error", None, None, None, "", why, mend)])


def worst(statuses: list[str]) -> str:
    """The worst of them: error, fail, pass, skip; `error` where there is none."""
    return next((status for status in STATUSES if status in statuses), "error")


def fresh(folder: Path, name: str, since: float) -> Verdict | None:
    """The report of a verb if it was written since then: one left by an earlier run says nothing of this one."""
    path = folder / f"{name}.json"
    return read(path) if path.is_file() and path.stat().st_mtime >= since else None


def _verdict(verb: str, said: Any) -> Verdict:
    checks = [_check(entry) for entry in said["checks"][:MOST_CHECKS]]
    status = str(said["status"])
    if status not in STATUSES:
        raise ValueError(f"status {status[:20]!r}")
    found = worst([status, *(check.status for check in checks)])  # a report can't be better than its checks
    return Verdict(
        verb=verb,
        status=found if found in ("error", "fail") else status,
        checks=checks,
        notes=[str(note) for note in said.get("notes", [])][:MOST_CHECKS],
        subject={str(key): str(value) for key, value in said.get("subject", {}).items()},
        seconds=float(said.get("seconds", 0)),
    )


def _check(entry: Any) -> Check:
    status = str(entry["status"])
    if status not in STATUSES:
        raise ValueError(f"status {status[:20]!r}")
    ends = entry.get("interval")
    interval = (float(ends[0]), float(ends[1])) if ends else None
    text = {name: str(entry.get(name, "")) for name in ("id", "title", "unit", "evidence", "mend")}
    observed, threshold = _number(entry.get("observed")), _number(entry.get("threshold"))
    return Check(status=status, interval=interval, observed=observed, threshold=threshold, **text)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
