"""A hundred deploys and rollbacks by their front doors under constant load: how long each takes, and what gets lost.

The service is the tests' toy, so that what is measured is ours: ledger, engine, proxy. Prints JSON: seconds of the
whole and of each kind, what the start of the toy alone takes (the floor), requests, and of them those that failed.
`lost` must be 0 and `rollback_max` below 60.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "mlgate" / "delivery"))
from toy_repository import STAGING, git, launch_toy, toy_launch, toy_project, toy_release

from mlgate.cli import main as mlgate
from mlgate.engine import bluegreen, replica
from mlgate.project import Project

ROUNDS, CLIENTS = 50, 8
URL = f"http://127.0.0.1:{STAGING}"


def load(url: str, end: Any, result: Any) -> None:
    """Ask without a pause until `end` is set; in a process of its own, so that nobody's lock slows it."""
    answered, lost, slowest = [0] * CLIENTS, [], [0.0] * CLIENTS

    def ask(number: int) -> None:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            while not end.is_set():
                started = time.perf_counter()
                try:
                    status = client.post("/predict", json={"rows": [{"id": number, "x": 5}]}).status_code
                    if status == 200:
                        answered[number] += 1
                    else:
                        lost.append(str(status))
                except httpx.HTTPError as error:
                    lost.append(repr(error))
                slowest[number] = max(slowest[number], time.perf_counter() - started)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answered), f"nobody was answered: {lost[:3]}"
    result.put({"requests": sum(answered) + len(lost), "lost": len(lost), "why": lost[:3], "slowest": max(slowest)})


def timed(*words: str) -> float:
    started = time.perf_counter()
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        code = mlgate(list(words))
    assert code == 0, f"mlgate {' '.join(words)} ended with {code}"
    return time.perf_counter() - started


def floor(project: Project) -> float:
    """Median seconds until a copy of the toy is ready: what no rollout can be faster than."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        copy = replica.start(toy_launch(project, "a"), project.environ())
        replica.wait_ready(copy)
        taken.append(time.perf_counter() - started)
        replica.stop(copy)
    return statistics.median(taken)


def measure(project: Project) -> dict[str, Any]:
    alone = floor(project)
    toy_release(project, "a")
    timed("deploy", "--env", "staging")
    context = multiprocessing.get_context("spawn")
    end, result = context.Event(), context.Queue()
    client = context.Process(target=load, args=(URL, end, result))
    client.start()
    started = time.perf_counter()
    deploys, rollbacks = [], []
    try:
        for number in range(ROUNDS):
            words = ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", str(number))
            git(project.root, *words)
            toy_release(project, str(number))
            deploys.append(timed("deploy", "--env", "staging"))
            rollbacks.append(timed("rollback", "--env", "staging"))
        seconds = time.perf_counter() - started
    finally:
        end.set()
    found = result.get(timeout=120)
    client.join()
    return {
        "rollouts": len(deploys) + len(rollbacks), "seconds": seconds, "deploy_median": statistics.median(deploys),
        "deploy_max": max(deploys), "rollback_median": statistics.median(rollbacks), "rollback_max": max(rollbacks),
        "start_of_the_service": alone, "ratio": statistics.median(rollbacks) / alone, "clients": CLIENTS, **found,
    }  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, patch("mlgate.engine.processes.launch_bento", launch_toy):
        project = toy_project(Path(folder) / "toy")
        os.chdir(project.root)
        try:
            found = measure(project)
        finally:
            bluegreen.stop(project, "staging")
            os.chdir("/")
    print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}))
    return 0 if found["lost"] == 0 and found["rollback_max"] < 60 else 1


if __name__ == "__main__":
    sys.exit(main())
