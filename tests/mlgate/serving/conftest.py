"""A small release, built once, and services of it that run for real on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from serving_bundle import Bundle, build

from mlgate.engine.replica import free_port

JSON = {"content-type": "application/json"}


@dataclass
class Server:
    """`bentoml serve` of a bundle, as the engine starts it."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    state: Path

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def get(self, path: str) -> tuple[int, str]:
        with contextlib.closing(self.connect()) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def post(self, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any], Any]:
        """Status, parsed answer (which must be JSON) and headers for `body`: text and bytes go as they are."""
        content = body if isinstance(body, (str, bytes)) else json.dumps(body)
        content = content.encode() if isinstance(content, str) else content
        with contextlib.closing(self.connect()) as connection:
            connection.request("POST", "/predict", content, JSON | (headers or {}))
            response = connection.getresponse()
            return response.status, json.loads(response.read()), response.headers

    def count(self, counter: str) -> float:
        """A counter of /metrics, such as `mlgate_prediction_log_total{outcome="dropped"}`."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if line.startswith(counter)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.05)

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/readyz")[0] == 200
        return False

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build(tmp_path_factory.mktemp("bundle"), max_bytes=200_000, max_rows=500)


@pytest.fixture(scope="session")
def start(bundle: Bundle) -> Callable[..., Any]:
    """`with start(folder) as server`: a service whose state lies in `folder`, once it is ready (or as `until` says)."""

    @contextlib.contextmanager
    def _start(
        folder: Path, root: Path | None = None, until: Callable[[Server], bool] = Server.ready, **extra: str
    ) -> Iterator[Server]:
        port = free_port()
        state = folder / "environments" / "staging"
        state.mkdir(parents=True, exist_ok=True)
        environ = os.environ | {
            "BENTOML_DO_NOT_TRACK": "1",
            "BENTOML_HOME": str(folder / f"bentoml-{port}"),
            "MLGATE_ENVIRONMENT": "staging",
            "MLGATE_ENVIRONMENT_STATE": str(state),
            "PYTHONPATH": "",
        }
        (folder / f"bentoml-{port}").mkdir()
        where = str(root or bundle.root)
        words = ["model.service:Service", "--working-dir", where, "--host", "127.0.0.1", "-p", str(port)]
        command = [sys.executable, "-m", "bentoml", "serve", *words, "--api-workers", "1"]
        log = folder / f"{port}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, cwd=where, env=environ | extra, stdout=stream, stderr=stream)
        server = Server(process, port, log, state)
        try:
            server.wait_for(lambda: until(server), 120)
            yield server
        finally:
            server.stop()

    return _start
