"""A repository whose environments have a release, a profile and a prediction log of known traffic."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drift_cases import make_params, seasonal

from mlgate.drift.profile import build_profile
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project, git

Change = Callable[[pd.DataFrame], pd.DataFrame]
EVIL = '<script>document.title="x"</script>'
REFERENCE, VERSION = 56, "abcdefabcdef"
PARAMS = """
project: {name: P, slug: p, owner: o}
data: {task: binary, target: y, time: time, cluster: null}
quality: {}
split: {holdout: 0.2}
model: {}
gates: {metric: roc_auc, floor: {threshold: 0.6}, champion: {margin: 0.01}}
monitor: {window: 1d, season: 1w, clock: events}
serving: {ports: {production: 3000}}
"""


def traffic(seed: int, days: int, changed: int | None = None) -> tuple[pd.DataFrame, pd.Series]:
    frame, times = seasonal(seed, days, rows=300, changed=changed)
    frame = frame.drop(columns=["slow", "hour"]).assign(score=np.random.default_rng(seed).beta(1, 9, len(frame)))
    return frame.rename(columns={"kind": EVIL}), times


def watched_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "src" / "model").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text(PARAMS)
    git(tmp_path, "init", "-q")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLGATE_STATE", raising=False)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    return Project(tmp_path)


def release(project: Project, names: dict[str, str] | None = None, env: str = "production") -> Release:
    """Bring a release to the environment; `names` renames columns of its reference, eight weeks of traffic."""
    sha = "sha256:" + "1" * 64
    record = Release(
        model="p", version=VERSION, image=sha, source_commit="2" * 40, data_digest=sha, model_digest=sha,
        holdout_digest=sha, holdout_rows=1, built=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    Ledger(project).write(env, record, {}, f"deploy({env}): p", {})
    frame, times = traffic(0, REFERENCE)
    frame = frame.rename(columns=names or {})
    scores = frame[["score"]].assign(time=times)
    folder = project.state / "releases" / record.hex / "src" / "artifacts"
    folder.mkdir(parents=True)
    profile = build_profile(frame.drop(columns="score"), times, scores, make_params())
    (folder / "profile.json").write_text(profile.to_json())
    return record


def predict(
    project: Project,
    changed: int | None = None,
    change: Change | None = None,
    days: int = 3,
    version: str = VERSION,
    env: str = "production",
) -> None:
    """Log what the environment answered on the days after the reference; the world changed on day `changed`."""
    frame, times = traffic(7, REFERENCE + days, changed)
    frame, times = frame[REFERENCE * 300 :].astype(object).where(lambda f: f.notna(), None), times[REFERENCE * 300 :]
    frame = change(frame) if change else frame
    folder = project.environment_state(env) / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in frame if name != "score"]
    with (folder / "2026-03-02-1-0.jsonl").open("w") as stream:
        for i, (row, when) in enumerate(zip(frame.to_dict("records"), times, strict=True)):
            head = {"time": when.isoformat(), "event_time": when.isoformat(), "version": version, "row": str(i)}
            body = {"features": {name: row[name] for name in names}, "score": row["score"]}
            stream.write(json.dumps({**head, "data_digest": "d", **body}) + "\n")
