"""What the Markdown report and the HTML page show, as plain values: they differ in form, never in content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlgate.drift.calibrate import calibrate
from mlgate.drift.cells import NAMED, Floats, Ints, as_text
from mlgate.drift.decay import Decay
from mlgate.drift.decision import Alarm, Decision
from mlgate.drift.profile import Column, Profile
from mlgate.drift.watch import Finding, Window
from mlgate.drift.windows import Grid

BARS = 14
WHAT = {
    "distribution": "distribution moved",
    "missing": "more is missing",
    "novelty": "values never seen",
    "tails": "more extreme values",
}


@dataclass(frozen=True)
class Shape:
    """Shares of one column's values, reference and current, in at most BARS groups of cells."""

    labels: list[str]
    reference: list[float]
    current: list[float]


@dataclass(frozen=True)
class View:
    """Everything there is to show about one run; `since` and `until` bound its windows, UTC."""

    environment: str
    version: str
    decision: Decision
    starts: list[str]
    windows: Sequence[Window]
    profile: Profile
    live: Profile
    uncalibrated: list[str]
    unwatched: list[str]
    unseen: Mapping[str, list[str]]
    since: str = ""
    until: str = ""
    decay: Decay | None = None

    def effects(self, alarm: Alarm) -> tuple[list[float | None], list[float | None]]:
        """The finding's effect and threshold in each window; None where it was not judged."""
        found = [_same(window, alarm.finding) for window in self.windows]
        return [f.effect if f else None for f in found], [f.threshold if f else None for f in found]

    def missing(self, name: str) -> list[float | None]:
        column = self.live.column(name)
        counts = [column.table[column.blocks == window.block].sum(axis=0) for window in self.windows]
        return [float(c[-1] / c.sum()) if c.sum() else None for c in counts]

    def shape(self, name: str) -> Shape:
        newest = self.windows[-1].block
        column, live = self.profile.column(name), self.live.column(name)
        reference = calibrate(column, newest % self.profile.season, self.profile.season, 0.01).reference
        return _shape(column, reference, live.table[live.blocks == newest].sum(axis=0))


def starts(windows: Sequence[Window], grid: Grid) -> list[str]:
    """When each window begins, as short as its length allows."""
    form = "%m-%d" if grid.window >= 86_400 and grid.start(0).time() == grid.start(1).time() else "%m-%d %H:%M"
    return [grid.start(window.block).strftime(form) for window in windows]


def unseen(novel: Mapping[str, Counter[Any]], profile: Profile, decision: Decision) -> dict[str, list[str]]:
    """The most frequent of the values that the reference does not know, for each column where they were flagged.

    One that few rows have may be about a person, and this is posted: it is counted and not shown.
    """
    flagged = {a.finding.column for a in (*decision.alarms, *decision.watched) if a.finding.aspect == "novelty"}
    found = {}
    for column in profile.columns:
        if column.name in flagged and column.cells.kind == "category":
            counts = novel.get(column.name, Counter())
            shown = [as_text(value) for value, count in counts.most_common(5) if count >= NAMED]
            found[column.name] = shown or [f"{len(counts):,} values, each in fewer than {NAMED} rows"]
    return found


def unit(alarm: Alarm) -> str:
    """What an effect is measured in."""
    return "distance, 0 to 1," if alarm.finding.aspect == "distribution" else "share of rows"


def sentence(alarm: Alarm, n: int) -> str:
    """One finding in words, with its numbers."""
    f = alarm.finding
    share = f.aspect != "distribution"
    effect, bound = (f"{100 * v:.1f} %" if share else f"{v:.3f}" for v in (f.effect, f.threshold))
    unit = "" if share else " (distance 0 to 1)"
    often = f"in {alarm.windows} of the last {n} windows"
    return f"{WHAT[f.aspect]}: {effect}{unit}, expected below {bound}, {often}"


def _same(window: Window, finding: Finding) -> Finding | None:
    return next((f for f in window.findings if (f.column, f.aspect) == (finding.column, finding.aspect)), None)


def _shape(column: Column, reference: Ints, current: Ints) -> Shape:
    cells = column.cells
    labels = [*cells.labels(), "never seen" if cells.kind == "category" else "not readable", "missing"]
    p, q = (counts / max(int(counts.sum()), 1) for counts in (reference, current))
    if cells.kind == "category":
        order = [int(i) for i in np.argsort(-np.maximum(p, q)[:-2], kind="stable")]
        shown = [i for i in order if not cells.is_sealed(i)][: BARS - 3]
        groups = [[i] for i in shown]
        groups += [[i for i in order if i not in shown], [cells.size], [cells.size + 1]]
    else:
        groups = [*_groups(p[: cells.size]), [cells.size], [cells.size + 1]]
    groups = [g for g in groups if g and p[g].sum() + q[g].sum() > 0]
    names = [_name(labels, g, ordered=cells.kind != "category") for g in groups]
    return Shape(names, [float(p[g].sum()) for g in groups], [float(q[g].sum()) for g in groups])


def _groups(p: Floats) -> list[list[int]]:
    """Neighbouring cells together until they hold a fair share; both ends, out of range, stay alone."""
    fair, groups, held = 1 / (BARS - 4), [[0]], 1.0
    for i in range(1, len(p)):
        if held + p[i] > fair * 1.2 or i == len(p) - 1:
            groups.append([])
            held = 0.0
        groups[-1].append(i)
        held += float(p[i])
    return groups


def _name(labels: list[str], group: list[int], ordered: bool) -> str:
    if len(group) == 1:
        low, _, high = labels[group[0]].partition(" … ")
        return low if low == high or not ordered else labels[group[0]]
    if not ordered:
        return "all others"
    return f"{labels[group[0]].split(' … ')[0]} … {labels[group[-1]].split(' … ')[-1]}"
