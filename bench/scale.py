"""What grows with the years: verbs on ledgers of thousands of releases, and `monitor` on logs of millions of lines.

Run it with `uv run python bench/scale.py [--releases N N] [--lines N N]`; it prints JSON. Each is measured at two
sizes, a verb beside `git log` of the same branch, the log beside the same log as one table; `growth` is the later by
the first, where linear is the ratio of the sizes. Peak memory is that of a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "mlgate" / "delivery"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "mlgate" / "drift"))

from drift_cases import make_params
from long_history import ledger_of, main_of, releases_of
from toy_repository import toy_project

from mlgate import cli
from mlgate.drift.look import look
from mlgate.drift.profile import build_profile
from mlgate.drift.traffic import Traffic
from mlgate.judging import late_labels
from mlgate.ledger import entry
from mlgate.packing.release import ModelCard
from mlgate.project import Project
from mlgate.provenance import history, policy
from mlgate.serving.prediction_read import parts, read
from mlgate.serving.prediction_source import here

NUMBERS, CATEGORIES, DAYS = 12, 3, 84
START, VERSION, FILES = datetime(2026, 1, 5), "a" * 12, 16
MONITOR = {"window": "1d", "season": "1w", "clock": "events"}


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, nargs=2, default=[1_000, 4_000])
    parser.add_argument("--lines", type=int, nargs=2, default=[250_000, 1_000_000])
    asked = parser.parse_args(argv)
    ledgers, logs = [apart(ledger, n) for n in asked.releases], [log_of(n) for n in asked.lines]
    print(json.dumps({
        "ledger": ledgers, "ledger_growth": growth(*ledgers), "log": logs, "log_growth": growth(*logs),
    }, indent=2))  # fmt: skip
    return 0


def growth(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: round(other[name] / one[name], 2) for name in one if one[name]}


def apart(work: Callable[..., dict[str, float]], *given: Any) -> dict[str, float]:
    """In a process of its own, whose peak memory is its own as well."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, given)


def ledger(number: int) -> dict[str, float]:
    """Seconds of each verb on a ledger of `number` releases in each environment, made of one data version."""
    with tempfile.TemporaryDirectory() as scratch:
        project = toy_project(Path(scratch) / "toy")
        releases = releases_of(main_of(project.root, number))
        for environment in ("staging", "production"):
            ledger_of(project.root, releases, environment)
        new = releases_of(main_of(project.root, 1), number)[0]
        os.chdir(project.root)
        os.environ["MLGATE_ENGINE"] = "none"
        words = ["git", "log", "--format=%H %s", "env/staging"]
        floor = seconds(lambda: subprocess.run(words, check=True, capture_output=True))
        found = {"releases": number, "git_log_s": floor}
        for verb in (["history", "--env", "staging"], ["status"], ["lineage", releases[7].image]):
            found[f"{verb[0]}_s"] = seconds(lambda verb=verb: quiet(lambda: cli.main(verb)))
        found["lineage_of_data_s"] = seconds(lambda: quiet(lambda: cli.main(["lineage", releases[7].data_digest])))
        for name, release in (("newest", new), ("older", releases[number // 2])):
            found[f"is_{name}_s"] = seconds(lambda release=release: replayed(project, release))
        return found


def replayed(project: Project, release: Any) -> None:
    policy.not_replayed(release, history.formers(project, "staging", release), "staging", rollback=False)


def seconds(work: Callable[[], object]) -> float:
    entry._entries.cache_clear()  # as in a call of its own
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def quiet(work: Callable[[], int]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert work() == 0


def log_of(number: int) -> dict[str, float]:
    """Seconds and megabytes of `monitor`'s look at a log of `number` lines, and of the same log as one table."""
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), number)
        size = sum(path.stat().st_size for path in Path(scratch).iterdir())
        ours, whole, labels = apart(watched, scratch), apart(as_a_table, scratch), apart(labelled, scratch, number)
    return {
        "lines": number, "log_mb": round(size / 1e6), "monitor_s": ours["s"], "monitor_mb": ours["mb"],
        "labels_s": labels["s"], "labels_mb": labels["mb"], "table_s": whole["s"], "table_mb": whole["mb"],
        "monitor_mb_to_table": round(ours["mb"] / whole["mb"], 3),
    }  # fmt: skip


def watched(folder: str) -> dict[str, float]:
    def work() -> None:
        traffic = Traffic(profile(), VERSION, make_params(**MONITOR).monitor)
        for head, values in parts(here(Path(folder))):
            traffic.add(head, values)
        assert look("production", traffic).windows[-1].findings

    return measured(work)


def labelled(folder: str, number: int) -> dict[str, float]:
    """What a label for each line of the log costs beside it: read, named as the service names rows, and joined."""
    table, key = Path(folder) / "labels.csv", b"k" * 32
    names = pd.DataFrame({"id": np.arange(number), "label": np.where(np.arange(number) % 9, "no", "yes")})
    names.to_csv(table, index=False)
    data = {"task": "binary", "target": "label", "positive": "yes", "id": "id", "time": None, "cluster": None}
    params, card = make_params(**MONITOR), ModelCard.model_construct(classes=["no", "yes"])
    params = params.model_copy(update={"data": params.data.model_copy(update=data)})
    del names

    def work() -> None:
        said = late_labels.answers(parts(here(Path(folder))), VERSION)
        known = late_labels.by_row(late_labels.read(str(table), params, card), key, "labels.csv")
        assert len(known) == len(said) == number

    return measured(work)


def as_a_table(folder: str) -> dict[str, float]:
    return measured(lambda: read(Path(folder)))


def measured(work: Callable[[], object]) -> dict[str, float]:
    """Beyond what this process took before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    work()
    taken = time.perf_counter() - started
    return {"s": round(taken, 1), "mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3)}


def profile() -> Any:
    rows = DAYS * 300
    times = pd.Series(pd.Timestamp(START) + pd.to_timedelta(np.arange(rows) * (86_400 / 300), "s"))
    table = frame(rows, 0)
    return build_profile(table, times, table[["x0"]].rename(columns={"x0": "score"}), make_params(**MONITOR))


def frame(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = np.array([f"value {i}" for i in range(20)])
    numbers = {f"x{i}": rng.normal(size=rows).round(6) for i in range(NUMBERS)}
    return pd.DataFrame({**numbers, **{f"c{i}": names[rng.integers(0, 20, rows)] for i in range(CATEGORIES)}})


def write(folder: Path, number: int) -> None:
    """Ten days of traffic in files as the service writes them, all of it in windows that are judged."""
    for i in range(FILES):
        with (folder / f"2026-03-{30 + i // 8}-7-{i:08x}.jsonl").open("w") as stream:
            stream.writelines(lines(number // FILES, i))


def lines(number: int, part: int) -> Iterator[str]:
    table, begin = frame(number, part), START + timedelta(days=DAYS)
    for i, row in enumerate(table.to_dict("records")):
        when = (begin + timedelta(days=10) * (part * number + i) / (FILES * number)).isoformat()
        head = {
            "time": when,
            "event_time": when,
            "version": VERSION,
            "data_digest": "d",
            "row": f"{part * number + i:032x}",
        }
        yield json.dumps({**head, "score": row["x0"], "features": row}) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
