"""Live traffic that a workflow can watch: a reference put into an environment's ledger, and prediction logs."""

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
from mlgate.serving.pseudonym import pseudonym

REFERENCE = 56  # days
KEY = "of these tests, and of nothing else"
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


def watching(params: str, folder: Path, labels: Path | None = None) -> str:
    """params.yaml with a `monitor.source`, and `monitor.labels` where there are some."""
    more = f"monitor:\n  source: {folder}\n" + (f"  labels: {labels}\n" if labels else "")
    params, found = re.subn(r"(?m)^monitor:\n", more, params)
    assert found == 1
    return params


def logged(scene: Scene, frame: pd.DataFrame, times: pd.Series[Any], env: str = "production") -> str:
    """The rows after the reference as the environment's release would have logged them."""
    version, after = json.loads(scene.show(f"env/{env}", "release.json"))["version"], live(times)
    frame, times = frame[after].astype(object).where(lambda f: f.notna(), None), times[after]
    lines = []
    for i, (row, when) in enumerate(zip(frame.to_dict("records"), times, strict=True)):
        head = {"time": when.isoformat(), "event_time": when.isoformat(), "version": version}
        score = row.pop("score")
        lines.append(
            json.dumps({**head, "row": pseudonym(i, KEY.encode()), "data_digest": "d", "features": row, "score": score})
            + "\n"
        )
    return "".join(lines)


def live(times: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Which rows came after the reference."""
    return np.asarray(times >= times.iloc[0].normalize() + pd.Timedelta(days=REFERENCE))


def labelled(frame: pd.DataFrame, times: pd.Series[Any], sign: int) -> str:
    """Labels of the rows after the reference, as CSV: a fifth are frauds, of high scores or (sign -1) of low ones."""
    said = sign * frame["score"][live(times)].to_numpy() + np.random.default_rng(3).normal(0, 0.05, live(times).sum())
    frauds = (said > np.quantile(said, 0.8)).astype(int)
    ids = np.arange(len(said))
    return pd.DataFrame({"transaction_id": ids, "customer_id": ids, "is_fraud": frauds}).to_csv(index=False)


def watch(scene: Scene, env: str = "production") -> Path:
    """Let `monitor.source` name a folder, and give the environment a reference of eight even weeks; the folder."""
    folder = scene.folder / "predictions"
    folder.mkdir()
    params = watching((scene.clone / "params.yaml").read_text(encoding="utf-8"), folder)
    scene.commit("Watch", {"params.yaml": params})
    scene.push_main()
    at = scene.folder / "ledger"
    scene.git("clone", "-q", "-b", f"env/{env}", str(scene.bare), str(at), at=scene.folder)
    (at / "profile.json").write_text(reference())
    scene.git("commit", "-qam", "A reference", at=at)
    scene.git("push", "-q", "origin", "HEAD", at=at)
    return folder


def answer(scene: Scene, folder: Path, changed: bool, days: int = 3, env: str = "production") -> None:
    """Predictions of the days after the reference, instead of what was there."""
    frame, times = traffic(7, REFERENCE + days, REFERENCE if changed else None)
    (folder / LOG).write_text(logged(scene, frame, times, env), encoding="utf-8")
