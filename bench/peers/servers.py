"""The servers that take turns: each on a port of its own, a worker each, with the same fitted pipeline."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from mlgate.engine.replica import free_port
from mlgate.packing.release import read_card
from mlgate.training.modelfile import load

HERE = Path(__file__).resolve().parent
SECONDS = 2
BATCH = 1_000


@dataclass
class Server:
    """One of those that take turns; `one` and `batch` are files with a body a line."""

    name: str
    port: int
    process: psutil.Process
    path: str
    one: Path
    batch: Path

    def load(self, bodies: Path, clients: int) -> dict[str, float]:
        """What wrk says after SECONDS of so many clients."""
        command = ["wrk", "-t1", f"-c{clients}", f"-d{SECONDS}s", "--timeout", "30s", "-s", HERE / "load.lua"]
        url = f"http://127.0.0.1:{self.port}{self.path}"
        environ = os.environ | {"BODIES": str(bodies)}
        before = self.spent()
        done = subprocess.run([*map(str, command), url], env=environ, capture_output=True, text=True, check=True)
        (line,) = [text for text in done.stdout.splitlines() if text.startswith("RESULT ")]
        found = json.loads(line.removeprefix("RESULT "))
        if found["failed"] or not found["requests"]:
            raise RuntimeError(f"{self.name}: {line}")
        spent = (self.spent() - before) / found["requests"] * 1000
        rps = found["requests"] / found["seconds"]
        return {"rps": rps, **{key: found[key] for key in ("p50", "p95", "p99")}, "cpu": spent}

    def spent(self) -> float:
        """Seconds of processor time of all its processes."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)


def started(folder: Path, bundle: Path, stack: contextlib.ExitStack) -> dict[str, Server]:
    """Every server, ready."""
    rows = json.loads((bundle / "src" / "artifacts" / "golden.json").read_bytes())["rows"]
    many = (rows * (BATCH // len(rows) + 1))[:BATCH]
    bodies = {}
    for style, key in (("rows", "rows"), ("records", "dataframe_records")):
        bodies[style] = folder / f"{style}.txt", folder / f"{style}-batch.txt"
        bodies[style][0].write_text("".join(json.dumps({key: [row]}) + "\n" for row in rows))
        bodies[style][1].write_text(json.dumps({key: many}) + "\n")
    frames, slow = (Path(shutil.copytree(bundle, folder / name)) for name in ("frames", "slow"))
    record = frames / "src" / "artifacts" / "fast.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"off": {"pipeline": "as if it had no fast equal"}}))
    params = slow / "src" / "params.yaml"
    params.write_text(params.read_text().replace("serving:\n", "serving:\n  fast: false\n", 1))
    card = read_card(bundle / "src" / "artifacts")
    pipeline = load(bundle / "src" / "artifacts" / card.file, card.digest)
    typed = pd.DataFrame(rows, columns=card.features)
    made = [
        ("mlgate", "/predict", "rows", "/readyz", bento(folder, "mlgate", bundle, True)),
        ("mlgate_without_log", "/predict", "rows", "/readyz", bento(folder, "silent", bundle, False)),
        ("mlgate_on_frames", "/predict", "rows", "/readyz", bento(folder, "frames-state", frames, True)),
        ("mlgate_not_fast", "/predict", "rows", "/readyz", bento(folder, "slow-state", slow, True)),
        ("fastapi", "/predict", "rows", "/openapi.json", hand_written(folder, pipeline)),
        ("mlflow", "/invocations", "records", "/ping", mlflow(folder, "bare", pipeline)),
        ("mlflow_typed", "/invocations", "records", "/ping", mlflow(folder, "typed", pipeline, typed)),
    ]
    return {
        name: Server(name, *stack.enter_context(running(*how, ping)), path, *bodies[style])
        for name, path, style, ping, how in made
    }


def bento(folder: Path, name: str, bundle: Path, log: bool) -> tuple[list[str], dict[str, str], Path]:
    state = folder / name / "environments" / "bench"
    state.mkdir(parents=True)
    environ = {"PYTHONPATH": str(bundle / "src"), "MLGATE_BUNDLE": str(bundle / "src"), "MLGATE_ENVIRONMENT": "bench"}
    environ |= {"BENTOML_HOME": str(state / "home"), "BENTOML_DO_NOT_TRACK": "1"}
    environ |= {"MLGATE_ENVIRONMENT_STATE": str(state)} if log else {}
    (state / "home").mkdir()
    command = ["-m", "bentoml", "serve", str(bundle), "--host", "127.0.0.1", "--port", "{port}", "--api-workers", "1"]
    return command, environ, folder


def hand_written(folder: Path, pipeline: Any) -> tuple[list[str], dict[str, str], Path]:
    (folder / "model.pkl").write_bytes(pickle.dumps(pipeline))
    command = ["-m", "uvicorn", "hand_written:app", "--port", "{port}", "--workers", "1", "--no-access-log"]
    return command, {"MODEL": str(folder / "model.pkl"), "PYTHONPATH": str(HERE)}, folder


def mlflow(
    folder: Path, name: str, pipeline: Any, rows: pd.DataFrame | None = None
) -> tuple[list[str], dict[str, str], Path]:
    """With `rows`, the model has a signature, made of them as mlflow advises."""
    import mlflow.models
    import mlflow.sklearn

    mlflow.sklearn.save_model(
        pipeline, str(folder / name), serialization_format="cloudpickle", pip_requirements=[],
        pyfunc_predict_fn="predict_proba", signature=None if rows is None else mlflow.models.infer_signature(rows),
    )  # fmt: skip
    command = ["-m", "mlflow", "models", "serve", "-m", str(folder / name), "--env-manager", "local"]
    return [*command, "-p", "{port}", "-w", "1"], {"MLFLOW_DISABLE_TELEMETRY": "true"}, folder


def answers(port: int, path: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
        return True
    return False


@contextlib.contextmanager
def running(command: list[str], extra: dict[str, str], folder: Path, ping: str) -> Iterator[tuple[int, psutil.Process]]:
    """A server on a port of its own, from its first answer to `ping` until the end."""
    port = free_port()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MLGATE_")}
    log = folder / f"{port}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, *(word.format(port=port) for word in command)], cwd=folder, stdout=stream, stderr=stream,
            env=environ | {"PATH": path, "OMP_NUM_THREADS": "1"} | extra, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not answers(port, ping):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield port, psutil.Process(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
