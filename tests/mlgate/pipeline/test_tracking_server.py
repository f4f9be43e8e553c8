"""Runs and versions on an MLflow server of its own, as a team has it, instead of the database of one machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlgate.engine.replica import free_port
from mlgate.packing.release import read_card

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def server(module_folder: Callable[[str], Path], environ: dict[str, str]) -> Iterator[str]:
    """A real `mlflow server` on loopback, with a database and artifacts behind it."""
    folder = module_folder("mlflow-server")
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == 200:
                    break
            time.sleep(0.2)
        else:
            pytest.fail((folder / "log").read_text())
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def versions(url: str) -> list[dict[str, Any]]:
    found = httpx.get(f"{url}/api/2.0/mlflow/model-versions/search", timeout=30, trust_env=False).json()
    return list(found.get("model_versions", []))


def test_a_run_and_its_version_land_on_the_server_and_only_once(
    project: Path, mlgate: Any, server: str, tmp_path: Path
) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("max_iter: 20", "max_iter: 21"))
    former = (project / ".mlgate" / "mlflow.db").read_bytes()
    for _ in range(2):
        done = mlgate(project, "train", MLFLOW_TRACKING_URI=server)
        assert done.returncode == 0, done.stdout + done.stderr
    (version,) = versions(server)
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    card = read_card(project / "models")
    assert (version["name"], tags["model_digest"], tags["data_digest"]) == (
        "small-world",
        card.digest,
        card.data_digest,
    )
    run = httpx.get(f"{server}/api/2.0/mlflow/runs/get", params={"run_id": version["run_id"]}, trust_env=False).json()
    assert run["run"]["inputs"]["dataset_inputs"], "the data set is logged with the run"
    assert (project / ".mlgate" / "mlflow.db").read_bytes() == former, "nothing went to this machine's database"


def test_the_alias_champion_on_the_server_follows_the_ledger(
    packaged: Path, project: Path, mlgate: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlgate.engine.rollout import mirrored
    from mlgate.packing.release import read_release
    from mlgate.project import Project

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    shutil.rmtree(project / "models")  # to be made again, byte for byte, and registered here
    done = mlgate(project, "train", MLFLOW_TRACKING_URI=server)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (packaged / ".mlgate" / "releases").iterdir()
    said = mirrored(Project(packaged), read_release(folder))
    url = f"{server}/api/2.0/mlflow/registered-models/alias"
    alias = httpx.get(url, params={"name": "small-world", "alias": "champion"}, trust_env=False).json()
    assert said == f"MLflow: small-world@champion is version {alias['model_version']['version']}"
    tags = {tag["key"]: tag["value"] for tag in alias["model_version"]["tags"]}
    assert tags["model_digest"] == read_release(folder).model_digest
