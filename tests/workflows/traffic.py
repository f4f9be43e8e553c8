"""Live traffic that a workflow can watch: a reference put into production's ledger, and prediction logs in a folder."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scene import Scene

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "mlgate" / "drift"))

from drift_cases import make_params, seasonal

from mlgate.drift.profile import build_profile

REFERENCE = 56  # days
LOG = "2026-03-02-1-0.jsonl"


def traffic(seed: int, days: int, changed: int | None = None) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Rows with their scores, and when they were asked for: so many days from the start of the reference on."""
    frame, times = seasonal(seed, days, rows=300, changed=changed)
    frame = frame.drop(columns=["slow", "hour"])
    return frame.assign(score=np.random.default_rng(seed).beta(1, 9, len(frame))), times


def reference() -> str:
    """The profile of eight even weeks, as a release carries it."""
    frame, times = traffic(0, REFERENCE)
    return build_profile(
        frame.drop(columns="score"), times, frame[["score"]].assign(time=times), make_params()
    ).to_json()


def watching(params: str, folder: Path) -> str:
    """params.yaml with a `monitor.source`."""
    params, found = re.subn(r"(?m)^monitor:\n", f"monitor:\n  source: {folder}\n", params)
    assert found == 1
    return params


def logged(scene: Scene, frame: pd.DataFrame, times: pd.Series[Any]) -> str:
    """The rows after the reference as production's release would have logged them."""
    version = json.loads(scene.show("env/production", "release.json"))["version"]
    after = (times >= times.iloc[0].normalize() + pd.Timedelta(days=REFERENCE)).to_numpy()
    frame, times = frame[after].astype(object).where(lambda f: f.notna(), None), times[after]
    lines = []
    for i, (row, when) in enumerate(zip(frame.to_dict("records"), times, strict=True)):
        head = {"time": when.isoformat(), "event_time": when.isoformat(), "version": version, "row": str(i)}
        score = row.pop("score")
        lines.append(json.dumps({**head, "data_digest": "d", "features": row, "score": score}) + "\n")
    return "".join(lines)


def watch(scene: Scene) -> Path:
    """Let `monitor.source` name a folder, and give production a reference of eight even weeks; the folder."""
    folder = scene.folder / "predictions"
    folder.mkdir()
    params = watching((scene.clone / "params.yaml").read_text(encoding="utf-8"), folder)
    scene.commit("Watch", {"params.yaml": params})
    scene.push_main()
    at = scene.folder / "ledger"
    scene.git("clone", "-q", "-b", "env/production", str(scene.bare), str(at), at=scene.folder)
    (at / "profile.json").write_text(reference())
    scene.git("commit", "-qam", "A reference", at=at)
    scene.git("push", "-q", "origin", "HEAD", at=at)
    return folder


def answer(scene: Scene, folder: Path, changed: bool, days: int = 3) -> None:
    """Predictions of the days after the reference, instead of what was there."""
    frame, times = traffic(7, REFERENCE + days, REFERENCE if changed else None)
    (folder / LOG).write_text(logged(scene, frame, times), encoding="utf-8")
