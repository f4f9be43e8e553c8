"""What the delivery tests deploy: parameters and release records of a toy project."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from mlgate.release import Release

PARAMS = """\
project: {{name: Toy, slug: toy, owner: someone}}
data: {{task: binary, target: y, id: id, time: when, cluster: null}}
quality: {{min_rows: 1}}
split: {{holdout: 0.5}}
model: {{}}
gates: {{metric: roc_auc, floor: {{threshold: 0.5}}, champion: {{margin: 0.1}}}}
monitor: {{window: 1d}}
serving: {{ports: {{staging: {staging}, production: {production}}}, max_rows: 100}}
"""


def make_release(seed: str) -> Release:
    hexadecimal = hashlib.sha256(seed.encode()).hexdigest()
    return Release(
        model="toy",
        version=hexadecimal[:12],
        image=f"sha256:{hexadecimal}",
        source_commit="c" * 40,
        data_digest="sha256:" + "d" * 64,
        model_digest=f"sha256:{hexadecimal}",
        metrics={"roc_auc": {"value": 0.75, "low": 0.7, "high": 0.8}},
        holdout_digest="sha256:" + "e" * 64,
        holdout_rows=100,
        built="2026-01-01T00:00:00+00:00",
    )


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
