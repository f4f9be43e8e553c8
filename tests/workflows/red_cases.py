"""Commits whose data or model break the gates of a pull request, and what the report of each step must then say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scene import Scene
from spoiling import changed, in_models, models, parquet, spoilt, text
from steps import Case, Files

# Case → check → what its evidence says. No other check of that report may be red.
RED: dict[str, dict[str, str]] = {
    "unfetched": {"pull": "models"},
    "unsent": {"push": "the remote lacks .*models.* after the push"},
    "dirty": {
        "columns": "not in the contract: no_such_column",
        "schema": "amount row 2: '-5.0'",
        "nulls": r"category 50\.",
        "finite": "amount: 1 rows, first 1",
        "duplicates": "1 copies",
        "keys": "transaction_id: 1 values occur again.*; customer_id: missing in 1 rows, first 3",
    },
    "few": {"rows": r"41 rows; quality\.min_rows is 500", "holdout-size": "16 rows, 0 of class 1"},
    "one-class": {
        "target": r"is_fraud' holds one label only: \[0\]",
        "leakage": "one label only",
        "holdout-size": "one label only",
    },
    "loosened": {"freshness": "newest row is of 2026-03-15", "thresholds": r"floor\.threshold: 0\.02 became 0\.0"},
    "leaky": {
        "target": "is_fraud is a feature as well",
        "personal-data": r"features\(\) gives is_fraud",
        "leakage": r"is_fraud 1\.0000",
    },
    "overlapping": {"split-overlap": "rows on both sides; training reaches into the holdout's time"},
    "linked": {"source": "data is a symlink"},
    "strict": {"floor": "lower bound 0.3", "power": "a margin of 0.0001 would pass an equal model in"},
    "outdone": {"champion": "difference -0.*, scores kept in the ledger"},
    "seen": {"champion-holdout": "rows of the holdout are not newer", "champion": "no fair test of the champion"},
    "made-up": {
        "holdout": "score",
        **dict.fromkeys(("power", "floor", "champion"), "not judged: the holdout can't be trusted"),
    },
}


def cases(scene: Scene) -> dict[str, Case]:
    return {**_versions(scene), **_data(scene), **_gates(scene)}


def _versions(scene: Scene) -> dict[str, Case]:
    """First, as the workspace has no model yet: what no remote has, and what is not here to be sent."""
    remote = f"['remote \"folder\"']\n    url = {scene.folder / 'remote'}\n"
    core = text(scene, ".dvc/config").replace("[core]\n", "[core]\n    remote = folder\n")
    config: Files = {".dvc/config": core + remote}
    return {
        "remoteless": Case("version-data"),
        "unfetched": Case("version-data", config),
        "unsent": Case("version-data", config, inputs={"direction": "push"}),
    }


def _data(scene: Scene) -> dict[str, Case]:
    raw = pd.read_parquet(scene.clone / "data" / "raw.parquet")
    dirty = pd.concat([raw, raw.iloc[[-1]]], ignore_index=True).assign(no_such_column=1)
    dirty["amount"] = dirty["amount"].astype("float64")
    dirty.loc[1, "amount"], dirty.loc[2, "amount"], dirty.loc[3, "customer_id"] = np.inf, -5.0, None
    dirty.loc[: len(dirty) // 2, "category"] = None
    loosened = changed(
        text(scene, "params.yaml"),
        (r"  min_rows: 500", "  min_rows: 500\n  max_age: 1d"),
        (r"    threshold: ", "    threshold: 0.0"),
    )
    leaky = spoilt(scene, "src/model/features.py", "features", '.assign(is_fraud=words[0]["is_fraud"])')
    both = ".__class__(**{**vars(_former(*words)), 'train': _former(*words).train | _former(*words).holdout})"
    overlapping = spoilt(scene, "src/mlgate/table/split.py", "split", both)
    elsewhere: Files = {"elsewhere/raw.parquet": parquet(raw), "data": Path("elsewhere")}
    against = {"against": scene.refs()["main"]}
    return {
        "good": Case("test-schema", inputs=against),
        "dirty": Case("test-schema", {"data/raw.parquet": parquet(dirty)}),
        "few": Case("test-schema", {"data/raw.parquet": parquet(raw.iloc[:: len(raw) // 40])}),
        "one-class": Case("test-schema", {"data/raw.parquet": parquet(raw.assign(is_fraud=0))}),
        "loosened": Case("test-schema", {"params.yaml": loosened}, inputs=against),
        "leaky": Case("test-schema", {"src/model/features.py": leaky}),
        "overlapping": Case("test-schema", {"src/mlgate/table/split.py": overlapping}),
        "linked": Case("test-schema", elsewhere),
    }


def _gates(scene: Scene) -> dict[str, Case]:
    strict = changed(
        text(scene, "params.yaml"),
        (r"    threshold: ", "    threshold: 0.999"),
        (r"    margin: ", "    margin: 0.0001"),
    )
    held = pd.read_parquet(scene.clone / "models" / "holdout.parquet")
    champion = json.loads(scene.show("env/production", "release.json"))
    until = champion | {"trained_until": held["time"].max().isoformat()}
    flattering = held.assign(score=held["score"].where(held.index != 0, held["score"] + 0.01))
    flattered = models(scene) | {"holdout.parquet": parquet(flattering)}
    return {
        "trained": Case("test-performance"),
        "strict": Case("test-performance", {"params.yaml": strict}),
        "outdone": Case(
            "test-performance", ledger={"holdout.parquet": parquet(held.assign(score=held["target"] * 1.0))}
        ),
        "seen": Case("test-performance", ledger={"release.json": json.dumps(until).encode()}),
        "gateless": Case("test-performance", {"dvc.yaml": text(scene, "dvc.yaml").partition("  evaluate:")[0]}),
        "made-up": Case("test-performance", {"dvc.lock": _locked(scene, flattered)}, in_models(flattered)),
    }


def _locked(scene: Scene, files: dict[str, bytes]) -> str:
    """A dvc.lock that says that `train` made these files."""
    listed = [{"md5": _md5(content), "relpath": name} for name, content in sorted(files.items())]
    said = yaml.safe_load(text(scene, "dvc.lock"))
    said["stages"]["train"]["outs"] = [
        {
            "path": "models", "hash": "md5", "md5": f"{_md5(json.dumps(listed, sort_keys=True).encode())}.dir",
            "size": sum(map(len, files.values())), "nfiles": len(files),
        }
    ]  # fmt: skip
    return yaml.safe_dump(said, sort_keys=False)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
