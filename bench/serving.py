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
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
sys.path.insert(0, str(Path(__file__).parent / "peers"))

from adopted import pipeline_alone, released
from servers import BATCH, Server, started

ROUNDS = 5
CLIENTS = (1, 8, 32)


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


if __name__ == "__main__":
    sys.exit(main())
