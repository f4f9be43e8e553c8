"""The service against a hand-written FastAPI and `mlflow models serve`: one model, machine and run, a worker each.

The model is what `mlgate adopt` makes of a table of 12 numbers and 3 categories: ordinal codes and boosted trees, 6,000
rows. mlgate answers with validation and prediction log on; the peers get the same fitted pipeline and no features to
compute. mlflow runs twice: bare, it checks nothing of a row; `mlflow_typed` has the signature that mlflow advises, and
checks types. wrk sends the load (Debian: `apt-get install wrk`): written in C, it takes a tenth of what it measures.

`mlgate_on_frames` is a release whose record says that its pipeline could not be lifted: scikit-learn scores a DataFrame
that is made from the row's values. `mlgate_not_fast` has `serving.fast: false`: frames throughout.

Run it with `make bench ARGS=serving` (eight minutes); it prints JSON and judges nothing. Each figure is the median
of ROUNDS short rounds in which the servers take turns, and a ratio the median of the rounds' own ratios: a machine that
others use slows them alike. `cpu` is the processor time that a server took for a request, in ms: it depends less on
what else the machine does.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from threadpoolctl import threadpool_limits

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))

from baking import bake, environment  # noqa: E402

from mlgate.engine.replica import free_port  # noqa: E402
from mlgate.packing.release import read_card  # noqa: E402
from mlgate.training.modelfile import load  # noqa: E402

ROUNDS, SECONDS = 5, 2
CLIENTS = (1, 8, 32)
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
        command = ["wrk", "-t1", f"-c{clients}", f"-d{SECONDS}s", "--timeout", "30s", "-s", HERE / "peers" / "load.lua"]
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


def main() -> int:
    if not shutil.which("wrk"):
        print("error: wrk is not installed; next: apt-get install wrk (or brew install wrk)", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        bundle = released(folder)
        servers = started(folder, bundle, stack)
        time.sleep(1)
        alone = [pipeline_alone(bundle)]
        single = {clients: rounds(servers, clients, "one") for clients in CLIENTS}
        alone.append(pipeline_alone(bundle))
        batch = rounds([s for s in servers.values() if s.name != "mlgate_without_log"], 1, "batch")
    print(json.dumps(told(single, batch) | {"floor of a frame at one client, cpu ms": floor(single[1], alone)}))
    return 0


def rounds(servers: dict[str, Server] | list[Server], clients: int, kind: str) -> list[dict[str, dict[str, float]]]:
    """For each round, what each server reached."""
    members = list(servers.values()) if isinstance(servers, dict) else servers
    for server in members:
        server.load(getattr(server, kind), 1)
    return [{s.name: s.load(getattr(s, kind), clients) for s in members} for _ in range(ROUNDS)]


def told(single: dict[int, list[Any]], batch: list[Any]) -> dict[str, Any]:
    """Medians by server and clients, and the ratios that are aimed at."""
    found: dict[str, Any] = {}
    for clients, turns in single.items():
        found[f"{clients} clients"] = {
            name: {key: round(statistics.median(t[name][key] for t in turns), 3) for key in turns[0][name]}
            for name in turns[0]
        }
        for ours in ("mlgate", "mlgate_on_frames", "mlgate_not_fast"):
            for peer in ("fastapi", "mlflow", "mlflow_typed"):
                found[f"{clients} clients"][f"{ours}/{peer}"] = _ratio(turns, ours, peer)
    log = [t["mlgate"]["p95"] - t["mlgate_without_log"]["p95"] for t in single[1]]
    found["prediction log, p95 ms added at one client"] = round(statistics.median(log), 3)
    found["rows/s in requests of 1,000"] = {
        name: round(BATCH * statistics.median(t[name]["rps"] for t in batch)) for name in batch[0]
    } | {"mlgate/fastapi": _ratio(batch, "mlgate", "fastapi")}
    return found


def floor(turns: list[Any], alone: list[float]) -> dict[str, float]:
    """What a frame cannot do without: scikit-learn on a frame that is ready, and all that the fast path does too."""
    spent = {
        name: statistics.median(t[name]["cpu"] for t in turns) for name in ("mlgate", "mlgate_on_frames", "mlflow")
    }
    pipeline = statistics.median(alone)
    least = pipeline + spent["mlgate"]
    found = {"pipeline alone": pipeline, "HTTP, validation, log": spent["mlgate"], "together": least}
    found |= {"mlgate_on_frames": spent["mlgate_on_frames"], "mlflow": spent["mlflow"]}
    return {key: round(value, 3) for key, value in found.items()} | {
        "highest ratio to mlflow": round(spent["mlflow"] / least, 2)
    }


def _ratio(turns: list[Any], ours: str, peer: str) -> float:
    return round(statistics.median(turn[ours]["rps"] / turn[peer]["rps"] for turn in turns), 2)


def table() -> pd.DataFrame:
    """12 numbers and 3 categories, some missing, and a target that needs both."""
    rng = np.random.default_rng(7)
    rows = 6_000
    numbers = rng.normal(size=(rows, 12)).round(4)
    words = [[*"abcdefgh"], [f"kind {n}" for n in range(20)], ["north", "south", "east", "west"]]
    frame = pd.DataFrame({f"number_{n}": numbers[:, n] for n in range(12)})
    for n, known in enumerate(words):
        frame[f"category_{n}"] = rng.choice(known, rows)
    signal_ = numbers[:, 0] * numbers[:, 1] + numbers[:, 2] - (frame["category_0"] == "a")
    signal_ += (frame["category_2"] == "north") * numbers[:, 3] + rng.normal(size=rows)
    for name in ("number_0", "number_5", "category_1"):
        frame.loc[rng.random(rows) < 0.05, name] = None
    return frame.assign(accepted=np.where(signal_ > 0.3, "yes", "no"))


def released(folder: Path) -> Path:
    """A baked repository that adopted the table, trained, and packaged: the Bento's own files."""
    repository = bake(folder / "bake")
    table().to_csv(folder / "table.csv", index=False)
    mlgate = [sys.executable, "-m", "mlgate"]
    environ = environment(PYTHONPATH=str(repository / "src"), OMP_NUM_THREADS="1")
    for command in (
        [*mlgate, "adopt", str(folder / "table.csv"), "--target", "accepted"],
        ["git", "commit", "-qam", "adopt"],
        [sys.executable, "-m", "dvc", "repro", "-q"],
        ["git", "add", "-A"],
        ["git", "commit", "-qm", "train"],
        [*mlgate, "package"],
    ):
        if command[1] == "commit":
            subprocess.run(["git", "add", "-A"], cwd=repository, env=environ, check=True)
        subprocess.run(command, cwd=repository, env=environ, check=True, stdout=sys.stderr)
    (found,) = (repository / ".mlgate" / "releases").glob("[0-9a-f]*")
    return found


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


def pipeline_alone(bundle: Path) -> float:
    """Processor time, in ms, of the fitted pipeline on a frame of one row: what nobody who serves frames gets below."""
    artifacts = bundle / "src" / "artifacts"
    card = read_card(artifacts)
    pipeline = load(artifacts / card.file, card.digest)
    rows = json.loads((artifacts / "golden.json").read_bytes())["rows"]
    frames = [pd.DataFrame([row], columns=card.features) for row in rows]
    taken = []
    with threadpool_limits(1):
        for frame in frames * 20:
            started = time.process_time()
            pipeline.predict_proba(frame)
            taken.append(time.process_time() - started)
    return statistics.median(taken) * 1000


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
    return command, {"MODEL": str(folder / "model.pkl"), "PYTHONPATH": str(HERE / "peers")}, folder


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


if __name__ == "__main__":
    sys.exit(main())
