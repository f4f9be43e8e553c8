"""Reading a prediction log back, whatever a crash or a full disk did to its lines: in parts, or as one frame."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Clock = Literal["events", "wall"]
BLOCK = 4_000_000  # bytes that are read at once
LONGEST = 1_000_000  # bytes of a line; a longer one is none of ours
_LINE = re.compile(rb'^\{"time": ?.*\}$', re.MULTILINE)
_HEAD = ("event_time", "time", "version", "row")


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The content of a file, some whole lines at a time: no file is too large to be read."""
    rest = b""
    while content := stream.read(BLOCK):
        lines, newline, tail = content.rpartition(b"\n")
        if newline:
            yield rest + lines
        rest = tail if newline else (rest + tail)[-LONGEST:]
    yield rest


def parts(content: Iterable[bytes]) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Predictions block by block, as they lie in the log, without those of smoke tests.

    Yields
    ------
    Who and when (event_time, time, version, row), and beside it the logged features and the scores. A row that was
    answered repeatedly is there as often; a line whose time can't be read is left out.
    """
    import pandas as pd

    for block in content:
        if records := [record for record in _records(block) if not record.get("probe")]:
            head, values = pd.DataFrame(_head(records)), pd.DataFrame(_features(records) | _scores(records))
            told = head["time"].notna()
            yield head[told], values[told]


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
    """Predictions of one environment, oldest first, all of them in memory: `monitor` reads `parts`.

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
    return _window(pd.DataFrame(_head(records) | _features(records) | _scores(records)), start, end, clock)


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
    whole = record.keys() >= {*_HEAD, "features"} and ("score" in record or "scores" in record)
    return whole and isinstance(record["features"], dict)


def _head(records: list[dict[str, Any]]) -> dict[str, Any]:
    import pandas as pd

    moments = ("event_time", "time")
    texts = {name: pd.Series([record[name] for record in records], dtype="str") for name in _HEAD}
    return {
        name: pd.to_datetime(text, format="ISO8601", errors="coerce") if name in moments else text
        for name, text in texts.items()
    }


def _features(records: list[dict[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(name for keys in {tuple(r["features"]): None for r in records} for name in keys)
    return {name: _values([record["features"].get(name) for record in records]) for name in names}


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
