"""A log of any length is judged part by part, and as it would be as a whole."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drift_cases import make_params, seasonal

from mlgate.drift.look import look
from mlgate.drift.profile import Profile, block_numbers, build_profile
from mlgate.drift.traffic import Traffic
from mlgate.drift.view import View
from mlgate.params import MonitorSection
from mlgate.serving import prediction_read
from mlgate.serving.prediction_read import blocks, frame, parts

MINE, OTHER, ROWS, DAYS = "a" * 12, "b" * 12, 300, 56
Line = dict[str, Any]
MONITOR = make_params().monitor


@pytest.fixture(scope="module")
def profile() -> Profile:
    table, times = seasonal(0, DAYS, ROWS)
    scores = pd.DataFrame({"score": np.random.default_rng(0).beta(1, 9, len(table)), "time": times})
    return build_profile(table, times, scores, make_params())


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    """Three weeks after the reference: two versions, rows that were answered again, later or in another part, rows
    without a name, and features that not all have."""
    rng = np.random.default_rng(1)
    table, times = seasonal(7, DAYS + 21, ROWS, changed=DAYS + 19)
    late = np.flatnonzero(times >= times[DAYS * ROWS])
    found = []
    for i in late:
        values = table.iloc[i].where(table.iloc[i].notna(), None).to_dict()
        found.append(line(times[i], str(i) if i % 10 else None, MINE if i % 20 else OTHER, values, float(rng.random())))
    again = [{**found[i], "score": 0.999} for i in rng.integers(0, len(found), 500)]
    for one in again:
        one["time"] = (datetime.fromisoformat(one["time"]) + timedelta(minutes=1)).isoformat()
    found += again
    return [found[i] for i in rng.permutation(len(found))]


def line(moment: datetime, row: str | None, version: str, values: Line, score: float = 0.5) -> Line:
    values = {name: value.item() if hasattr(value, "item") else value for name, value in values.items()}
    when = moment.isoformat()
    return {"time": when, "event_time": when, "version": version, "row": row, "score": score, "features": values}


def text(lines: list[Line]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def read(profile: Profile, content: bytes, monitor: MonitorSection = MONITOR, as_of: datetime | None = None) -> Traffic:
    traffic = Traffic(profile, MINE, monitor, as_of)
    for head, values in parts(blocks(io.BytesIO(content))):
        traffic.add(head, values)
    return traffic


def counted_as_a_whole(profile: Profile, content: bytes, names: range) -> tuple[dict[int, int], Profile]:
    """Rows of each window, and counts, as they follow from the log as one table."""
    log = frame([content])
    moments = log["event_time"]
    numbers = block_numbers(moments, len(log), profile.window)
    kept = np.isin(numbers, names)
    mine = (log["version"] == MINE).to_numpy() & kept
    found, counts = np.unique(numbers[kept], return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True)), profile.scan(log[mine], numbers[mine])


@pytest.mark.parametrize("size", [5_000, 300_000, 10**9])
def test_in_parts_of_any_size_the_counts_are_those_of_the_whole_log(
    profile: Profile, lines: list[Line], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_read, "BLOCK", size)
    content = text(lines)
    view = look("production", read(profile, content))
    names = range(view.windows[0].block, view.windows[-1].block + 1)
    traffic, live = counted_as_a_whole(profile, content, names)
    assert len(names) == 10
    assert {window.block: window.traffic for window in view.windows} == traffic
    for column in live.columns:
        found = view.live.column(column.name)
        assert (found.table == column.table).all(), column.name
        assert (found.blocks == column.blocks).all()
    assert view.unseen["kind"] == ["new"]


def test_what_is_in_no_window_that_is_judged_is_not_kept(profile: Profile, lines: list[Line]) -> None:
    traffic = read(profile, text(sorted(lines, key=lambda one: one["event_time"])))
    assert traffic.newest is not None
    rows = traffic.rows()
    assert len(rows.moment) < 0.6 * len(lines)
    assert rows.moment.min() >= (traffic.newest - timedelta(days=12) - datetime(1970, 1, 1)).total_seconds() * 1e6
    assert traffic.earliest is not None
    assert traffic.earliest < traffic.newest - timedelta(days=20)
    assert sum(cells.nbytes for cells in rows.cells) <= len(rows.moment) * len(profile.columns)


def test_as_of_a_day_later_rows_and_later_answers_are_not_there(profile: Profile, lines: list[Line]) -> None:
    end = datetime.fromisoformat(min(one["event_time"] for one in lines)[:10]) + timedelta(days=12)
    until = [one for one in lines if one["event_time"] < end.isoformat()]
    shown = [look("production", read(profile, text(some), as_of=end)) for some in (lines, until)]
    assert windows(shown[0]) == windows(shown[1])
    assert len(shown[0].windows) == 10


def windows(view: View) -> list[tuple[int, int, int]]:
    return [(window.block, window.traffic, window.rows) for window in view.windows]


def test_where_an_alarm_asks_for_more_windows_than_are_shown_they_are_judged(
    profile: Profile, lines: list[Line]
) -> None:
    view = look("production", read(profile, text(lines), make_params(n=14, k=12).monitor))
    assert len(view.windows) == 14
    assert all(window.findings for window in view.windows)


def test_a_row_answered_by_two_parts_of_the_log_is_the_last_answer_wherever_it_lies(profile: Profile) -> None:
    day = datetime(2026, 3, 2, 12)
    values = {"amount": 20.0, "kind": "x"}
    early, late = line(day, "7", MINE, values, 0.1), line(day, "7", MINE, values, 0.999)
    late["time"] = (day + timedelta(hours=1)).isoformat()
    for order in ([early, late], [late, early]):
        traffic = Traffic(profile, MINE, MONITOR)
        for head, rows in parts([text([one]) for one in order]):
            traffic.add(head, rows)
        found = traffic.rows()
        score = profile.column("score").cells.assign(pd.Series([0.999]))
        assert [cells.tolist() for cells in found.cells][-1] == score.tolist()


def test_values_never_seen_are_counted_by_name_up_to_a_bound(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlgate.drift.traffic.NAMES", 100)
    day = datetime(2026, 3, 2)
    many = [line(day, None, MINE, {"kind": f"new {i}" if i % 3 else "often"}) for i in range(3_000)]
    traffic = Traffic(profile, MINE, MONITOR)
    for start in range(0, len(many), 150):
        for head, values in parts([text(many[start : start + 150])]):
            traffic.add(head, values)
    assert len(traffic.novel["kind"]) <= 100
    assert traffic.novel["kind"].most_common(1) == [("often", 1_000)]


@pytest.mark.parametrize("broken", ["time", "features", "event_time"])
def test_a_line_that_says_nonsense_costs_itself_alone(profile: Profile, broken: str) -> None:
    good = [line(datetime(2026, 3, 2, hour), str(hour), MINE, {"amount": 1.0}) for hour in range(5)]
    bad = [{**good[0], "row": "bad", broken: value} for value in ("soon", None, 5)]
    traffic = read(profile, text([good[0], *bad, *good[1:]]))
    left = 5 if broken != "event_time" else 6  # a row that does not say when it happened counts when it was answered
    assert len(traffic.rows().moment) == left


def test_a_file_without_an_end_of_line_takes_no_more_memory_than_a_line_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_read, "BLOCK", 1_000)
    monkeypatch.setattr(prediction_read, "LONGEST", 5_000)
    good = text([line(datetime(2026, 3, 2), "1", MINE, {"amount": 1.0})])
    found = list(blocks(io.BytesIO(good + b"\0" * 100_000 + b"\n" + good)))
    assert max(map(len, found)) <= 6_000
    assert sum(len(head) for head, _ in parts(found)) == 2
