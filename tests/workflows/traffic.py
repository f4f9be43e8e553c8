"""Live traffic that a workflow can watch: a reference put into production's ledger, and prediction logs in a folder."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
from scene import Scene

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "mlgate" / "drift"))

from drift_cases import make_params, seasonal

from mlgate.drift.profile import build_profile

REFERENCE = 56  # days


def _frame(seed: int, days: int, changed: int | None = None):
    frame, times = seasonal(seed, days, rows=300, changed=changed)
    frame = frame.drop(columns=["slow", "hour"])
    return frame.assign(score=np.random.default_rng(seed).beta(1, 9, len(frame))), times


def watch(scene: Scene) -> Path:
    """Let `monitor.source` name a folder, and give production a reference of eight even weeks; the folder."""
    folder = scene.folder / "predictions"
    folder.mkdir()
    text = (scene.clone / "params.yaml").read_text(encoding="utf-8")
    text, found = re.subn(r"(?m)^monitor:\n", f"monitor:\n  source: {folder}\n", text)
    assert found == 1
    scene.commit("Watch", {"params.yaml": text})
    scene.push_main()
    frame, times = _frame(0, REFERENCE)
    profile = build_profile(frame.drop(columns="score"), times, frame[["score"]].assign(time=times), make_params())
    at = scene.folder / "ledger"
    scene.git("clone", "-q", "-b", "env/production", str(scene.bare), str(at), at=scene.folder)
    (at / "profile.json").write_text(profile.to_json())
    scene.git("commit", "-qam", "A reference", at=at)
    scene.git("push", "-q", "origin", "HEAD", at=at)
    return folder


def answer(scene: Scene, folder: Path, changed: bool, days: int = 3) -> None:
    """Predictions of the days after the reference, instead of what was there."""
    version = json.loads(scene.show("env/production", "release.json"))["version"]
    frame, times = _frame(7, REFERENCE + days, REFERENCE if changed else None)
    frame, times = frame[REFERENCE * 300 :].astype(object).where(lambda f: f.notna(), None), times[REFERENCE * 300 :]
    with (folder / "2026-03-02-1-0.jsonl").open("w") as stream:
        for i, (row, when) in enumerate(zip(frame.to_dict("records"), times, strict=True)):
            head = {"time": when.isoformat(), "event_time": when.isoformat(), "version": version, "row": str(i)}
            score = row.pop("score")
            stream.write(json.dumps({**head, "data_digest": "d", "features": row, "score": score}) + "\n")
