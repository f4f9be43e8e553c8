"""Every metric of the model with its interval, for the report, the release and the ledger; one of them is gated."""

from __future__ import annotations

from mlgate.errors import DataError
from mlgate.files import write_json
from mlgate.gates.intervals import Interval, interval, mean_interval
from mlgate.gates.metrics import for_task, precision_at_capacity
from mlgate.judging.holdout import Holdout
from mlgate.project import Project
from mlgate.report import Report

Values = dict[str, float | None]


def measure(project: Project, rows: Holdout, report: Report) -> dict[str, Interval]:
    """Write `reports/metrics.json` ({name: {value, low, high}}) and a sentence for each metric into the notes.

    A metric that can't be given an interval (too few cases, no spread) is a sentence that says why, and no number.
    Returns the intervals of those that have one, at the floor's confidence.
    """
    gates, task = project.params.gates, project.params.data.task
    found: dict[str, Values] = {}
    known: dict[str, Interval] = {}
    for name, metric in for_task(task).items():
        try:
            got = known[name] = interval(rows.y, rows.s, rows.clusters, metric, gates.floor.confidence)
        except DataError as error:
            report.notes.append(f"{name}: no interval: {error}")
            continue
        found[name] = {"value": got.value, "low": got.low, "high": got.high}
        report.notes.append(f"{name} {got.value:.4f} [{got.low:.4f}, {got.high:.4f}] {got.method}")
    if task == "binary" and gates.capacity is not None and rows.times is not None:
        found["precision_at_capacity"] = _at_capacity(rows, gates.capacity, gates.floor.confidence, report)
    write_json(project.reports / "metrics.json", found)
    report.artifacts.append("reports/metrics.json")
    return known


def _at_capacity(rows: Holdout, capacity: int, confidence: float, report: Report) -> Values:
    """Precision among the cases that people can review a day: the mean over days, and t over days."""
    assert rows.times is not None
    days = rows.times.astype("datetime64[D]")
    values = precision_at_capacity(rows.y, rows.s, days, capacity)
    value, low, high = mean_interval(values, confidence)
    within = f" [{low:.4f}, {high:.4f}]" if low is not None else ""
    report.notes.append(
        f"precision among the {capacity} highest scores of a day {value:.4f}{within} over {len(values)} days"
    )
    return {"value": value, "low": low, "high": high}
