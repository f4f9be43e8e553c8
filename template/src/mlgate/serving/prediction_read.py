"""Reading a prediction log back as one frame, whatever a crash or a full disk did to its lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Clock = Literal["events", "wall"]
_LINE = re.compile(rb'^\{"time": ?.*\}$', re.MULTILINE)
_HEAD = ("event_time", "time", "version", "row")


def read(
    folder: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    clock: Clock = "events",
    probes: bool = False,
) -> pd.DataFrame:
    """Predictions of one environment from its folder on this machine, as `frame` gives them."""
    return frame((path.read_bytes() for path in sorted(folder.glob("*.jsonl"))), start, end, clock, probes)


def frame(
    files: Iterable[bytes],
    start: datetime | None = None,
    end: datetime | None = None,
    clock: Clock = "events",
    probes: bool = False,
) -> pd.DataFrame:
    """Predictions of one environment, oldest first.

    Parameters
    ----------
    files
        The content of each file of the log, oldest first.
    start, end
        UTC without zone; `start <= t < end`.
    clock
        `events`: t is when the row happened (when it was answered, where rows have no time). `wall`: when answered.
    probes
        Whether to return the requests of smoke tests too.

    Returns
    -------
    DataFrame
        event_time, time, version, row, the logged features, then `score`, or `score_0` … for several classes. A row
        that one model version answered repeatedly is there once, as last answered. Torn lines are left out.
    """
    import pandas as pd

    records = [record for content in files for record in _records(content) if probes or not record.get("probe")]
    names = list(dict.fromkeys(name for keys in {tuple(r["features"]) for r in records} for name in keys))
    columns: dict[str, Any] = {
        "event_time": pd.to_datetime(pd.Series([r["event_time"] for r in records], dtype="str"), format="ISO8601"),
        "time": pd.to_datetime(pd.Series([r["time"] for r in records], dtype="str"), format="ISO8601"),
        "version": pd.Series([r["version"] for r in records], dtype="str"),
        "row": pd.Series([r["row"] for r in records], dtype="str"),
    }
    for name in names:
        columns[name] = _values([r["features"].get(name) for r in records])
    columns |= _scores(records)
    return _window(pd.DataFrame(columns), start, end, clock)


def _window(rows: pd.DataFrame, start: datetime | None, end: datetime | None, clock: Clock) -> pd.DataFrame:
    """Rows whose moment is in [start, end), oldest first, each version's last answer for a row alone."""
    import pandas as pd

    moment = rows["event_time"].fillna(rows["time"]) if clock == "events" else rows["time"]
    wanted = pd.Series(True, index=rows.index)
    wanted &= (moment >= start) if start is not None else True
    wanted &= (moment < end) if end is not None else True
    rows = rows[wanted].assign(_moment=moment[wanted]).sort_values("time", kind="stable")
    again = rows.duplicated(["row", "version"], keep="last") & rows["row"].notna()
    return rows[~again].sort_values("_moment", kind="stable").drop(columns="_moment").reset_index(drop=True)


def _records(content: bytes) -> list[dict[str, Any]]:
    lines = _LINE.findall(content)
    try:
        whole: list[dict[str, Any]] = json.loads(b"[" + b",".join(lines) + b"]")
        return [record for record in whole if _complete(record)]
    except (json.JSONDecodeError, UnicodeDecodeError):
        return [record for line in lines if (record := _record(line)) is not None]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return record if _complete(record) else None


def _complete(record: dict[str, Any]) -> bool:
    return record.keys() >= {*_HEAD, "features"} and ("score" in record or "scores" in record)


def _values(values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float, bool} and kinds != {bool}:
        return pd.Series(values, dtype="float64")
    return pd.Series(
        [value if value is None or isinstance(value, str) else str(value) for value in values], dtype="str"
    )


def _scores(records: list[dict[str, Any]]) -> dict[str, Any]:
    import pandas as pd

    classes = max((len(record.get("scores", ())) for record in records), default=0)
    if not classes:
        return {"score": pd.Series([record["score"] for record in records], dtype="float64")}
    table = [[*record.get("scores", ()), *[None] * classes][:classes] for record in records]
    return {f"score_{i}": pd.Series([row[i] for row in table], dtype="float64") for i in range(classes)}
