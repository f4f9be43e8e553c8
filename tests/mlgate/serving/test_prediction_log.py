"""The prediction log drops rather than delays, and is read back whatever happened to it."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mlgate.errors import ConfigError
from mlgate.serving.prediction_log import PredictionLog, read
from mlgate.serving.pseudonym import pseudonym, read_key


def line(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "time": f"2026-02-01T00:{number // 60:02}:{number % 60:02}.5",
        "event_time": f"2026-01-01T00:{number // 60:02}:{number % 60:02}",
        "version": "v1",
        "data_digest": "sha256:0",
        "row": f"r{number}",
        "score": number / 7,
        "features": {"amount": number / 3, "category": "a" if number % 2 else None},
    } | changes


@pytest.fixture
def counted() -> Counter[str]:
    return Counter()


@pytest.fixture
def open_log(tmp_path: Path, counted: Counter[str]) -> Callable[..., PredictionLog]:
    def _open(limit: int = 10**7, waiting: int = 1000, folder: str = "log") -> PredictionLog:
        return PredictionLog(tmp_path / folder, limit, waiting, lambda what, n: counted.update({what: n}))

    return _open


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_was_logged_is_read_back_exactly(
    open_log: Callable[..., PredictionLog], tmp_path: Path, counted: Counter[str]
) -> None:
    log = open_log()
    for i in range(0, 100, 10):
        log.append(10, lambda i=i: [line(j) for j in range(i, i + 10)])
    log.close()
    frame = read(tmp_path / "log")
    assert counted == {"written": 100}
    assert list(frame.columns) == ["event_time", "time", "version", "row", "amount", "category", "score"]
    assert frame["score"].tolist() == [i / 7 for i in range(100)]
    assert frame["amount"].tolist() == [i / 3 for i in range(100)]
    assert frame["category"].isna().sum() == 50
    assert frame["event_time"].dtype.kind == frame["time"].dtype.kind == "M"


def test_a_window_is_cut_by_the_clock_that_is_asked_for(open_log: Callable[..., PredictionLog], tmp_path: Path) -> None:
    log = open_log()
    log.append(100, lambda: [line(j) for j in range(100)])
    log.close()
    january = datetime(2026, 1, 1, 0, 0, 10), datetime(2026, 1, 1, 0, 0, 20)
    assert read(tmp_path / "log", *january)["row"].tolist() == [f"r{i}" for i in range(10, 20)]
    assert read(tmp_path / "log", *january, clock="wall").empty
    assert len(read(tmp_path / "log", datetime(2026, 2, 1), clock="wall")) == 100


def test_a_row_that_was_answered_twice_counts_once_a_version_and_a_probe_never(
    open_log: Callable[..., PredictionLog], tmp_path: Path
) -> None:
    log = open_log()
    lines = [line(1), line(1, time="2026-02-02T00:00:00", score=0.5), line(1, version="v2"), line(2, probe=True)]
    log.append(6, lambda: [*lines, line(3, row=None), line(3, row=None)])
    log.close()
    frame = read(tmp_path / "log")
    assert sorted(zip(frame["version"], frame["row"].fillna("-"), frame["score"], strict=True)) == [
        ("v1", "-", 3 / 7),
        ("v1", "-", 3 / 7),
        ("v1", "r1", 0.5),
        ("v2", "r1", 1 / 7),
    ]
    assert len(read(tmp_path / "log", probes=True)) == 5


def test_scores_of_several_classes_become_columns(open_log: Callable[..., PredictionLog], tmp_path: Path) -> None:
    log = open_log()
    log.append(1, lambda: [{**{k: v for k, v in line(1).items() if k != "score"}, "scores": [0.2, 0.3, 0.5]}])
    log.close()
    assert read(tmp_path / "log")[["score_0", "score_1", "score_2"]].to_numpy().tolist() == [[0.2, 0.3, 0.5]]


def test_an_empty_or_missing_folder_reads_as_no_predictions(tmp_path: Path) -> None:
    assert read(tmp_path / "nowhere").empty
    assert "score" in read(tmp_path / "nowhere").columns


@pytest.mark.parametrize("torn", [b'{"time": "2026', b'{"time": 1, "features": {"a": 1}', b"\x00" * 100, b"\xff}\n{"])
def test_case_31_torn_lines_are_left_out(tmp_path: Path, torn: bytes) -> None:
    good = [json.dumps(line(i)).encode() for i in range(3)]
    (tmp_path / "2026-02-01-1-a.jsonl").write_bytes(b"\n".join([good[0], torn, good[1], good[2] + b"\n" + torn]))
    assert read(tmp_path)["row"].tolist() == ["r0", "r1", "r2"]


def test_case_31_a_full_queue_drops_and_counts_and_never_waits(
    open_log: Callable[..., PredictionLog], tmp_path: Path, counted: Counter[str]
) -> None:
    gate, started = threading.Event(), threading.Event()

    def slow() -> list[dict[str, Any]]:
        started.set()
        gate.wait(20)
        return [line(0)]

    log = open_log(waiting=5)
    log.append(1, slow)
    assert started.wait(20)
    begun = time.monotonic()
    for i in range(1, 100):
        log.append(1, lambda i=i: [line(i)])
    assert time.monotonic() - begun < 5
    assert counted == {"dropped": 95}
    gate.set()
    log.close()
    assert counted == {"dropped": 95, "written": 5}
    assert len(read(tmp_path / "log")) == 5


def test_case_31_a_folder_that_cannot_be_written_is_used_again_when_it_can(
    open_log: Callable[..., PredictionLog], tmp_path: Path, counted: Counter[str]
) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    log = open_log()
    log.append(3, lambda: [line(i) for i in range(3)])
    wait_until(lambda: counted["dropped"] == 3)
    (tmp_path / "log").unlink()
    log.append(2, lambda: [line(i) for i in range(3, 5)])
    log.close()
    assert counted == {"dropped": 3, "written": 2}
    assert read(tmp_path / "log")["row"].tolist() == ["r3", "r4"]


def test_case_31_a_line_cut_by_a_full_disk_costs_itself_alone(tmp_path: Path) -> None:
    """In a child, as the limit on the size of a file (which stands for the full disk) holds for the whole process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _fill_and_recover(tmp_path)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert read(tmp_path / "log")["row"].tolist() == ["r0", "r2"]


def _fill_and_recover(tmp_path: Path) -> None:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    counted: Counter[str] = Counter()
    log = PredictionLog(tmp_path / "log", 10**7, 100, lambda what, n: counted.update({what: n}))
    size = len(json.dumps(line(0))) + 1
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    log.append(1, lambda: [line(0)])
    wait_until(lambda: counted["written"] == 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))
    log.append(1, lambda: [line(1)])
    wait_until(lambda: counted["dropped"] == 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    log.append(1, lambda: [line(2)])
    log.close()
    assert counted == {"written": 2, "dropped": 1}


def test_case_31_a_flood_stays_under_the_limit_and_keeps_the_newest(
    open_log: Callable[..., PredictionLog], tmp_path: Path
) -> None:
    limit = 200_000
    log = open_log(limit=limit, waiting=10**6)
    for i in range(3000):
        log.append(1, lambda i=i: [line(i % 3600)])
    log.close(60)
    sizes = [path.stat().st_size for path in (tmp_path / "log").iterdir()]
    assert len(sizes) > 4
    assert sum(sizes) <= limit * 1.01
    rows = read(tmp_path / "log")["row"].tolist()
    assert rows[-1] == "r2999"
    assert "r0" not in rows


def test_files_that_were_removed_are_begun_again(
    open_log: Callable[..., PredictionLog], tmp_path: Path, counted: Counter[str]
) -> None:
    log = open_log()
    log.append(1, lambda: [line(1)])
    wait_until(lambda: counted["written"] == 1)
    for path in (tmp_path / "log").iterdir():
        path.unlink()
    log.append(1, lambda: [line(2)])
    log.close()
    assert read(tmp_path / "log")["row"].tolist() == ["r2"]


def test_files_are_readable_by_their_owner_alone(open_log: Callable[..., PredictionLog], tmp_path: Path) -> None:
    log = open_log()
    log.append(1, lambda: [line(1)])
    log.close()
    (path,) = (tmp_path / "log").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_record_that_cannot_be_made_does_not_end_the_log(
    open_log: Callable[..., PredictionLog], tmp_path: Path, counted: Counter[str]
) -> None:
    log = open_log()
    log.append(1, lambda: [{"time": object()}])
    log.append(1, lambda: [line(1)])
    log.close()
    assert counted == {"dropped": 1, "written": 1}


def test_case_24_a_pseudonym_joins_equal_identifiers_and_enumerating_them_needs_the_key() -> None:
    import numpy as np

    names = {pseudonym(value, b"k" * 32) for value in (7, np.int64(7), 7.0, "7")}
    assert len(names) == 1
    assert len({pseudonym(7, b"k" * 32), pseudonym(8, b"k" * 32), pseudonym(7, b"l" * 32)}) == 3
    assert pseudonym("\u00e9", b"k") == pseudonym("e\u0301", b"k")
    logged = {pseudonym(number, b"the key that is kept") for number in range(1_000)}
    assert len(logged) == 1_000
    for guess in (b"", b"the key that was rotated away", b"the key that is kept "):
        assert not logged & {pseudonym(number, guess) for number in range(1_000)}
    assert not logged & {hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(1_000)}


def test_the_key_is_created_once_and_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLGATE_PSEUDONYM_KEY", raising=False)
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(read_key(tmp_path / "state"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert stat.S_IMODE((tmp_path / "state" / "pseudonym.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["pseudonym.key"]


def test_a_key_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLGATE_PSEUDONYM_KEY", "secret")
    with pytest.raises(ConfigError, match="MLGATE_PSEUDONYM_KEY"):
        read_key(None)
