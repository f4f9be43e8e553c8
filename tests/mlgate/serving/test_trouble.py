"""The service when things go wrong around it: stopped under load, killed, no disk, a forged model."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from serving_bundle import Bundle, as_rows, read_params

from mlgate.engine import bluegreen
from mlgate.engine.records import Launch
from mlgate.engine.replica import PORT, free_port
from mlgate.project import Project
from mlgate.serving.prediction_log import read
from mlgate.serving.replica import Replica

HEADERS = {"content-type": "application/json"}


class Load:
    """Clients that send one row after another until the service says that it is leaving; with `on`, whatever happens
    to their connections."""

    def __init__(self, server: Any, row: dict[str, Any], clients: int = 4, on: bool = False) -> None:
        self._server, self._row, self._on = server, row, on
        self.answered: list[int] = []
        self.lost: list[str] = []
        self._next = iter(range(10**12, 2 * 10**12))
        self._lock = threading.Lock()
        self._leave = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self) -> None:
        connection = self._server.connect()
        while not self._leave.is_set():
            with self._lock:
                number = next(self._next)
            try:
                body = json.dumps({"rows": [self._row | {"transaction_id": number}]})
                connection.request("POST", "/predict", body, HEADERS)
                response = connection.getresponse()
                status, leaving = response.status, response.headers["connection"] == "close"
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"{number}: {error!r}")
                if not self._on:
                    break
                connection.close()
                connection = self._server.connect()
                continue
            if status == 200:
                self.answered.append(number)
            else:
                self.lost.append(f"{number}: {status}")
            if leaving and not self._on:
                break
        connection.close()


def test_case_30_sigterm_under_load_loses_no_request_and_no_line_of_the_log(
    start: Callable[..., Any], bundle: Bundle, tmp_path: Path
) -> None:
    with start(tmp_path) as server, Load(server, as_rows(bundle.next.head(1))[0]) as load:
        server.wait_for(lambda: len(load.answered) > 50)
        began = time.monotonic()
        assert server.stop() == 0
        print(f"stopped in {time.monotonic() - began:.1f} s after {len(load.answered)} answers")
    assert load.lost == []
    assert len(read(server.state / "predictions")) == len(load.answered)
    assert "Traceback" not in server.log.read_text()


def worker_of(pid: int) -> int:
    """The process in which BentoML's service runs: a child of the one that was started."""
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True)
    (worker,) = listed.stdout.split()
    return int(worker)


def test_case_30_behind_the_proxy_sigterm_and_a_killed_worker_cost_no_request(bundle: Bundle, tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "src" / "model").mkdir(parents=True)
    port = free_port()
    (root / "params.yaml").write_text(yaml.safe_dump(read_params(ports={"staging": port, "production": 1})))
    project = Project(root)
    folder = project.environment_state("staging")
    words = ["model.service:Service", "--working-dir", str(bundle.root), "--host", "127.0.0.1", "-p", PORT]
    command = [sys.executable, "-m", "bentoml", "serve", *words, "--api-workers", "1"]
    launch = Launch(
        image="sha256:" + "0" * 64, version="0" * 12, command=command, environ={"PYTHONPATH": ""}, folder=folder
    )
    bluegreen.release(project, "staging", launch, lambda url: [])

    def healthy() -> bluegreen.Running:
        found = bluegreen.running(project, "staging")
        assert found is not None
        return found

    proxy = SimpleNamespace(connect=lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=90))
    try:
        with Load(proxy, as_rows(bundle.next.head(1))[0]) as load:
            for harm in ("a killed worker", "SIGTERM"):
                seen, pid = len(load.answered), healthy().replica_pid
                await_(lambda n=seen: len(load.answered) > n + 50)
                if harm == "SIGTERM":
                    os.kill(pid, signal.SIGTERM)
                else:
                    os.kill(worker_of(pid), signal.SIGKILL)
                seen = len(load.answered)
                await_(lambda n=seen: len(load.answered) > n + 50)
            await_(lambda: healthy().restarts == 1 and healthy().healthy)
            seen = len(load.answered)
            await_(lambda: len(load.answered) > seen + 50)
        assert load.lost == []
    finally:
        bluegreen.stop(project, "staging")


def await_(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_case_30_a_killed_worker_costs_its_requests_alone_and_comes_back(
    start: Callable[..., Any], bundle: Bundle, tmp_path: Path
) -> None:
    with start(tmp_path) as server, Load(server, as_rows(bundle.next.head(1))[0], on=True) as load:
        server.wait_for(lambda: len(load.answered) > 50)
        os.kill(worker_of(server.process.pid), signal.SIGKILL)
        before = len(load.answered)
        server.wait_for(lambda: len(load.answered) > before + 50, 120)
    broken = [lost for lost in load.lost if not lost.endswith(": 503")]  # 503: told that the model is being loaded
    assert len(broken) <= 4  # one for each client: what it had sent, and nothing that it sent later


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a file system; test_prediction_log has the same case by a limit")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_case_31_a_full_disk_costs_the_log_and_not_one_answer(
    start: Callable[..., Any], bundle: Bundle, tmp_path: Path, full_disk: Path
) -> None:
    state = full_disk / "state"
    state.mkdir()
    with start(tmp_path, MLGATE_ENVIRONMENT_STATE=str(state)) as server:
        filler = os.open(full_disk / "filler", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while os.write(filler, b"x" * 4096):
                pass
        os.close(filler)
        rows = as_rows(bundle.next.head(40))
        assert all(server.post({"rows": [row]})[0] == 200 for row in rows)
        server.wait_for(lambda: server.count('mlgate_prediction_log_total{outcome="dropped"}') > 0)
        (full_disk / "filler").unlink()
        before = server.count('mlgate_prediction_log_total{outcome="written"}')
        server.wait_for(
            lambda: (
                server.post({"rows": rows[:1]})[0] == 200
                and server.count('mlgate_prediction_log_total{outcome="written"}') > before
            )
        )
        assert "Traceback" not in server.log.read_text()


def test_a_damaged_history_and_an_unusable_log_folder_cost_no_answer(
    start: Callable[..., Any], bundle: Bundle, tmp_path: Path
) -> None:
    state = tmp_path / "environments" / "staging"
    (state / "history" / "history.sqlite").mkdir(parents=True)
    (state / "predictions").write_text("in the way")
    with start(tmp_path) as server:
        status, body, _ = server.post({"rows": as_rows(bundle.next.head(1))})
        assert status == 200
        assert [answer["score"] for answer in body["predictions"]] == bundle.offline(bundle.next.head(1))
        assert server.count("mlgate_history_trouble_total") > 0
        server.wait_for(lambda: server.count('mlgate_prediction_log_total{outcome="dropped"}') == 1)
        assert "Traceback" not in server.log.read_text()


def test_a_model_that_is_not_the_one_named_is_never_ready(
    start: Callable[..., Any], bundle: Bundle, tmp_path: Path
) -> None:
    forged = shutil.copytree(bundle.root, tmp_path / "forged")
    with (forged / "artifacts" / "model.skops").open("ab") as stream:
        stream.write(b"x")

    def dead(server: Any) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return bool(server.get("/livez")[0] == 503)
        return False

    with start(tmp_path, root=forged, until=dead) as server:
        assert server.get("/readyz")[0] == 503
        status, body, _ = server.post({"rows": []})
        assert status == 503
        assert "digest" in body["error"]
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("said", ["soon", "-1", "nan", "11", ""])
def test_seconds_of_quiet_that_are_none_keep_it_from_being_ready(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLGATE_QUIET_SECONDS", said)
    replica = Replica()
    replica.start()
    replica.close()
    assert not replica.ready
    assert gc.isenabled(), "what was held back while the release loads"
    assert replica.failed.startswith(f"MLGATE_QUIET_SECONDS is {said!r}, not seconds from 0 to 10; next: ")
