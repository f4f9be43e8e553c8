"""How the model does in parts of the holdout, and where it moved against the champion: for people, no verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from mlgate.errors import ConfigError, DataError
from mlgate.files import write_json
from mlgate.gates.intervals import Interval, difference, interval
from mlgate.gates.metrics import Metric
from mlgate.judging.holdout import Holdout
from mlgate.project import Project
from mlgate.report import Report
from mlgate.versions import snapshot

Array = npt.NDArray[Any]
MOST = 20  # values of a column; one with more makes no slices that a person could read
FILE = "slices.json"


def tell(project: Project, metric: Metric, rows: Holdout, champion: Array | None, report: Report) -> None:
    """Write `reports/slices.json`, an entry a slice, and a sentence for each that moved.

    A slice moved where the interval of challenger - champion leaves out 0; its confidence is corrected for the number
    of slices (Bonferroni), so that one in forty reports of an unchanged model names a slice that got worse.

    Raises
    ------
    ConfigError
        If `gates.slices` names a column that the data lack, or one with too many values.
    """
    path = project.reports / FILE
    path.unlink(missing_ok=True)
    if not project.params.gates.slices:
        return
    parts = list(_parts(project, rows))
    confidence = 1 - 0.025 / len(parts)
    told = [{"slice": name, **_one(metric, rows, champion, mask, confidence)} for name, mask in parts]
    write_json(path, {"metric": metric.name, "confidence": confidence, "slices": told})
    report.artifacts.append(f"reports/{FILE}")
    report.notes += [
        f"slice {entry['slice']}: {metric.name} moved by {entry['difference']['value']:+.4f} "
        f"[{entry['difference']['low']:+.4f}, {entry['difference']['high']:+.4f}]"
        for entry in told
        if entry.get("moved")
    ]


def _parts(project: Project, rows: Holdout) -> Iterator[tuple[str, Array]]:
    """Name and mask (n,) of each slice of the holdout, the columns in their order, the largest slice first."""
    frame = snapshot.read(project.raw, project.params).iloc[rows.positions]
    for column in project.params.gates.slices:
        if column not in frame:
            raise ConfigError(f"gates.slices: the data have no column {column!r}", "name a column of data/raw.parquet")
        values = frame[column].astype("str").where(frame[column].notna(), "missing")
        counts = values.value_counts()
        if len(counts) > MOST:
            raise ConfigError(
                f"gates.slices: {column} has {len(counts)} values, and slices are for {MOST} at most",
                "name a column with few values",
            )
        for value in counts.index:
            yield f"{column}={value}", (values == value).to_numpy()


def _one(metric: Metric, rows: Holdout, champion: Array | None, mask: Array, confidence: float) -> dict[str, Any]:
    """Values with intervals, or the reason why there are none."""
    y, s = rows.y[mask], rows.s[mask]
    clusters = None if rows.clusters is None else rows.clusters[mask]
    found: dict[str, Any] = {"rows": int(mask.sum())}
    try:
        found["challenger"] = _values(interval(y, s, clusters, metric, confidence))
        if champion is not None:
            gap = difference(y, s, champion[mask], clusters, metric, confidence)
            found |= {"difference": _values(gap), "moved": bool(gap.low > 0 or gap.high < 0)}
            found["champion"] = _values(interval(y, champion[mask], clusters, metric, confidence))
    except DataError as error:
        found["unjudged"] = str(error)
    return found


def _values(found: Interval) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}
