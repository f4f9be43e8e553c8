"""A table, the release that `mlgate adopt` makes of it, and what scikit-learn alone takes to score a row of it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from baking import bake, environment
from threadpoolctl import threadpool_limits

from mlgate.packing.release import read_card
from mlgate.training.modelfile import load


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
