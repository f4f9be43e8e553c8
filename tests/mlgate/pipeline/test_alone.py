"""A release needs neither MLflow nor DVC, nor the repository that it came from: it is served without them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from mlgate.engine.replica import free_port

BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("mlflow", "dvc", "matplotlib"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
"""


def test_a_release_answers_its_golden_rows_with_mlflow_and_dvc_out_of_reach(packaged: Path, tmp_path: Path) -> None:
    (source,) = (packaged / ".mlgate" / "releases").iterdir()
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(BLOCK)
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "block"), str(source / "src")]),
        "PYTHONPYCACHEPREFIX": os.environ["PYTHONPYCACHEPREFIX"],
        "BENTOML_DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "bentoml", "serve", str(source), "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path / "log"
    with log.open("wb") as stream:
        service = subprocess.Popen(
            command, cwd=tmp_path, env=environ, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        golden = json.loads((source / "src" / "artifacts" / "golden.json").read_bytes())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            _wait(client, service, log)
            answer = client.post("/predict", json={"rows": golden["rows"]})
        assert answer.status_code == 200, answer.text
        assert [row["score"] for row in answer.json()["predictions"]] == golden["scores"]
        assert answer.headers["x-model-version"] == json.loads((source / "release.json").read_bytes())["version"]
    finally:
        os.killpg(service.pid, signal.SIGTERM)
        service.wait(60)


def _wait(client: httpx.Client, service: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 120
    while time.monotonic() < limit and service.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text())
