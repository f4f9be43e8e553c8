"""The history store gives back what was put in, survives what happens to its file, and forgets what is too old."""

from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlgate.errors import InfraError
from mlgate.serving import history as history_module
from mlgate.serving.history import History, materialise
from mlgate.serving.history_spec import HistorySpec

SPEC = HistorySpec(("customer", "terminal"), "time", ("id", "time", "customer", "terminal", "amount", "word"), days=3)
START = pd.Timestamp("2026-01-01")


def events(first: int, number: int, minutes: int = 10) -> pd.DataFrame:
    """`number` events, ten minutes apart, of 7 customers at 5 terminals."""
    ids = np.arange(first, first + number)
    return pd.DataFrame(
        {
            "id": ids,
            "time": START + pd.to_timedelta(ids * minutes, unit="min"),
            "customer": ids % 7,
            "terminal": ids % 5,
            "amount": ids / 3,
            "word": pd.Series([None if i % 4 == 0 else f"w'{i}" for i in ids], dtype="str"),
        }
    )


@pytest.fixture
def release(tmp_path: Path) -> Path:
    path = tmp_path / "release.sqlite"
    materialise(path, events(0, 400), SPEC, "id")
    return path


@pytest.fixture
def trouble() -> list[str]:
    return []


@pytest.fixture
def store(release: Path, trouble: list[str]) -> Iterator[Callable[[Path | None], History]]:
    """Opens histories of the release, and closes them when the test is over."""
    with contextlib.ExitStack() as opened:

        def _store(path: Path | None) -> History:
            return opened.enter_context(contextlib.closing(History(release, path, SPEC, "id", trouble.append)))

        yield _store


def wanted(past: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """What `before` promises, by brute force."""
    since, until = rows["time"].min() - pd.Timedelta(days=SPEC.days), rows["time"].max()
    near = past["time"].ge(since) & past["time"].lt(until) & ~past["id"].isin(rows["id"])
    shared = past["customer"].isin(rows["customer"]) | past["terminal"].isin(rows["terminal"])
    return past[near & shared].reset_index(drop=True)


@pytest.mark.parametrize("rows", [events(400, 1), events(395, 8), events(100, 3), events(5000, 2)])
def test_before_gives_earlier_rows_of_the_same_keys_without_loss(
    store: Callable[[Path | None], History], tmp_path: Path, rows: pd.DataFrame
) -> None:
    history = store(tmp_path / "state" / "history.sqlite")
    found = history.before(rows)
    past = events(0, 400)
    past = past[past["time"] >= past["time"].max() - pd.Timedelta(days=SPEC.days)]
    pd.testing.assert_frame_equal(found[list(past.columns)], wanted(past, rows), check_exact=True)
    history.close()


def test_served_rows_count_from_then_on_and_once(store: Callable[[Path | None], History], tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history, other = store(path), store(path)
    served = events(400, 30)
    history.append(served)
    history.append(served)
    later = events(437, 1)
    whole = pd.concat([events(0, 400), served], ignore_index=True)
    for reader in (history, other):
        found = reader.before(later)
        pd.testing.assert_frame_equal(found[list(whole.columns)], wanted(whole, later), check_exact=True)
        reader.close()


def test_rows_of_the_same_moment_are_not_earlier(store: Callable[[Path | None], History]) -> None:
    history = store(None)
    row = events(399, 1).assign(id=10_000)
    found = history.before(row)["id"].tolist()
    assert 399 not in found
    assert 392 in found
    history.close()


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name, frame in (("a", events(0, 100)), ("b", events(0, 100).sample(frac=1, random_state=1))):
        materialise(tmp_path / name, frame, SPEC, "id")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failed_write_leaves_the_former_file(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = release.read_bytes()
    monkeypatch.setattr(history_module.Table, "insert", _fail)
    with pytest.raises(InfraError, match=r"release\.sqlite"):
        materialise(release, events(0, 50), SPEC, "id")
    assert release.read_bytes() == before
    assert [path.name for path in release.parent.iterdir()] == ["release.sqlite"]


def _fail(*_: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize("kind", ["garbage", "folder", "torn"])
def test_a_damaged_file_costs_served_rows_but_never_an_answer(
    store: Callable[[Path | None], History], tmp_path: Path, trouble: list[str], kind: str
) -> None:
    path = tmp_path / "state" / "history.sqlite"
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "garbage":
        path.write_bytes(b"not a database" * 1000)
    else:
        first = store(path)
        first.append(events(400, 50))
        first.close()
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    history = store(path)
    released = len(history.before(events(405, 1), released=True))
    history.append(events(400, 5))
    assert len(history.before(events(405, 1))) == released + (kind != "folder")  # one of the five shares a key
    assert released
    assert trouble
    assert (path.with_name("history.sqlite.damaged").exists()) == (kind != "folder")
    history.close()


def test_a_file_that_cannot_be_written_is_counted_and_tried_again(
    store: Callable[[Path | None], History], tmp_path: Path, trouble: list[str]
) -> None:
    path = tmp_path / "history.sqlite"
    history = store(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        history.append(events(400, 20))
        assert trouble
        assert len(history.before(events(420, 1)))
        blocker.execute("ROLLBACK")
    blocker.close()
    history.append(events(420, 1))
    assert 420 in history.before(events(427, 1))["id"].tolist()
    assert set(range(400, 421)) <= _ids(path)
    history.close()


def _ids(path: Path) -> set[int]:
    connection = sqlite3.connect(path)
    ids = {row[0] for row in connection.execute("SELECT id FROM events")}
    connection.close()
    return ids


def test_old_rows_are_pruned_and_one_row_from_the_future_empties_nothing(
    store: Callable[[Path | None], History], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "PRUNE", 1)
    path = tmp_path / "history.sqlite"
    history = store(path)
    future = events(10**6, 1)
    history.append(future)
    assert len(_ids(path)) > 400
    history.append(events(2000, 500))
    assert min(_ids(path)) >= 2000 - 144 * (SPEC.days + 1)
    assert 2000 in _ids(path)
    history.close()


def test_a_newer_release_with_another_column_keeps_what_was_served(tmp_path: Path) -> None:
    path, old, new = tmp_path / "history.sqlite", tmp_path / "old", tmp_path / "new"
    materialise(old, events(0, 50), SPEC, "id")
    wider = HistorySpec((*SPEC.keys, "extra"), SPEC.time, (*SPEC.columns, "extra"), SPEC.days)
    materialise(new, events(0, 60).assign(extra=1.5), wider, "id")
    first = History(old, path, SPEC, "id", _unexpected)
    first.append(events(60, 10))
    second = History(new, path, wider, "id", _unexpected)
    first.append(events(70, 2))
    second.append(events(72, 2).assign(extra=2.5))
    assert _ids(path) == set(range(74))
    assert second.before(events(80, 5).assign(extra=0.0))["extra"].isna().any()
    first.close()
    second.close()


def _unexpected(reason: str) -> None:
    raise AssertionError(reason)


def _append(release: Path, path: Path, first: int) -> None:
    history = History(release, path, SPEC, "id", lambda _: None)  # another may hold the file; rows then wait
    for i in range(first, first + 50):
        history.append(events(i, 1))
    history.close()


def test_several_processes_open_and_extend_one_file_at_once(release: Path, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append, args=(release, path, 400 + 25 * i)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert set(range(400, 525)) <= _ids(path)


def test_a_lookup_among_a_month_of_rows_reads_only_its_own(tmp_path: Path) -> None:
    spec = HistorySpec(("customer",), "time", SPEC.columns, days=30)
    frame = events(0, 40_000, minutes=1).assign(customer=np.arange(40_000) % 2_000)
    materialise(tmp_path / "release", frame, spec, "id")
    history = History(tmp_path / "release", None, spec, "id", _unexpected)
    row = events(40_000, 1, minutes=1).assign(customer=5)
    started = time.perf_counter()
    assert len(history.before(row)) == 20
    print(f"lookup: {(time.perf_counter() - started) * 1e3:.2f} ms")
    plan = history._release.execute(
        'EXPLAIN QUERY PLAN SELECT rowid FROM events WHERE "customer" IN (1) AND "time" >= 1 AND "time" < 2'
    ).fetchall()
    assert "by_customer" in plan[0][3]
    history.close()


def test_a_smoke_test_sees_the_release_alone_whatever_was_served_meanwhile(
    store: Callable[[Path | None], History], tmp_path: Path
) -> None:
    rows = events(420, 5)
    alone = store(None).before(rows)
    history = store(tmp_path / "state" / "history.sqlite")
    history.append(events(400, 20).assign(amount=-1.0))
    pd.testing.assert_frame_equal(history.before(rows, released=True), alone)
    assert (history.before(rows)["amount"] == -1.0).any()
