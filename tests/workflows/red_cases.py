"""For each action that holds a gate, commits that break what it checks, and what its report must then say."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scene import Scene
from skops.io import dumps
from steps import Case, Files

# Case → check → what its evidence says. No other check of that report may be red.
RED: dict[str, dict[str, str]] = {
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
    "torn": {"clean-tree": r"not committed: src/model/new\.py", "model-digest": "digest differs"},
    "strange": {"model-types": r"types outside the allow-list: red_cases\.Stranger", "verdict": "red: holdout"},
    "pickled": {"model-format": "loading runs code", "verdict": "red: floor"},
    "wrong": {
        "version": "x-model-version: f{12}, not [0-9a-f]{12}",
        "golden": "20 rows, largest difference 1e-06",
        "contract": "an unknown column was answered by 200",
        "latency": r"2 of the first 2 single rows took .*, and 500 is the most",
    },
    "switched-off": {"floor": "scores shuffled: stayed pass", "finite": "infinity: stayed pass"},
}


# What the checks before a commit say of the case `untidy`.
UNTIDY = (
    "untidy.py:1:8", "untidy.py:3: error", "key.md holds a private key", "large.bin has 11.0 MB", "colour: unknown key",
    "owners.accountable", "data/raw.parquet",
)  # fmt: skip


class Stranger:
    """A type that no allow-list names."""

    def __init__(self) -> None:
        self.value = 1


def cases(scene: Scene) -> dict[str, Case]:
    return {**_data(scene), **_gates(scene), **_releases(scene), **_code(scene)}


def _data(scene: Scene) -> dict[str, Case]:
    raw = pd.read_parquet(scene.clone / "data" / "raw.parquet")
    dirty = pd.concat([raw, raw.iloc[[-1]]], ignore_index=True).assign(no_such_column=1)
    dirty["amount"] = dirty["amount"].astype("float64")
    dirty.loc[1, "amount"], dirty.loc[2, "amount"], dirty.loc[3, "customer_id"] = np.inf, -5.0, None
    dirty.loc[: len(dirty) // 2, "category"] = None
    loosened = _changed(
        _text(scene, "params.yaml"),
        (r"  min_rows: 500", "  min_rows: 500\n  max_age: 1d"),
        (r"    threshold: ", "    threshold: 0.0"),
    )
    leaky = _spoilt(scene, "src/model/features.py", "features", '.assign(is_fraud=words[0]["is_fraud"])')
    both = ".__class__(**{**vars(_former(*words)), 'train': _former(*words).train | _former(*words).holdout})"
    overlapping = _spoilt(scene, "src/mlgate/table/split.py", "split", both)
    elsewhere: Files = {"elsewhere/raw.parquet": _parquet(raw), "data": Path("elsewhere")}
    against = {"against": scene.refs()["main"]}
    return {
        "good": Case("test-schema", inputs=against),
        "dirty": Case("test-schema", {"data/raw.parquet": _parquet(dirty)}),
        "few": Case("test-schema", {"data/raw.parquet": _parquet(raw.iloc[:: len(raw) // 40])}),
        "one-class": Case("test-schema", {"data/raw.parquet": _parquet(raw.assign(is_fraud=0))}),
        "loosened": Case("test-schema", {"params.yaml": loosened}, inputs=against),
        "leaky": Case("test-schema", {"src/model/features.py": leaky}),
        "overlapping": Case("test-schema", {"src/mlgate/table/split.py": overlapping}),
        "linked": Case("test-schema", elsewhere),
    }


def _gates(scene: Scene) -> dict[str, Case]:
    strict = _changed(
        _text(scene, "params.yaml"),
        (r"    threshold: ", "    threshold: 0.999"),
        (r"    margin: ", "    margin: 0.0001"),
    )
    held = pd.read_parquet(scene.clone / "models" / "holdout.parquet")
    champion = json.loads(scene.show("env/production", "release.json"))
    until = champion | {"trained_until": held["time"].max().isoformat()}
    flattering = held.assign(score=held["score"].where(held.index != 0, held["score"] + 0.01))
    models = _models(scene) | {"holdout.parquet": _parquet(flattering)}
    return {
        "trained": Case("test-performance"),
        "strict": Case("test-performance", {"params.yaml": strict}),
        "outdone": Case(
            "test-performance", ledger={"holdout.parquet": _parquet(held.assign(score=held["target"] * 1.0))}
        ),
        "seen": Case("test-performance", ledger={"release.json": json.dumps(until).encode()}),
        "gateless": Case("test-performance", {"dvc.yaml": _text(scene, "dvc.yaml").partition("  evaluate:")[0]}),
        "made-up": Case("test-performance", {"dvc.lock": _locked(scene, models)}, _in_models(models)),
    }


def _releases(scene: Scene) -> dict[str, Case]:
    models = _models(scene)
    card = json.loads(models["model.json"])
    torn = models["model.skops"][:-1] + bytes([models["model.skops"][-1] ^ 1])
    strange = bytes(dumps(Stranger()))
    of_strange = card | {"digest": f"sha256:{hashlib.sha256(strange).hexdigest()}"}
    strict = _changed(_text(scene, "params.yaml"), (r"    threshold: ", "    threshold: 0.999"))

    def brought(**files: bytes | dict[str, object]) -> dict[str, str | bytes]:
        """The artifact `model`, with other files in it."""
        said = {name: json.dumps(c).encode() if isinstance(c, dict) else c for name, c in files.items()}
        return _in_models(models | {name.replace("_", "."): content for name, content in said.items()})

    return {
        "torn": Case("build-image", left=brought(model_skops=torn) | {"src/model/new.py": ""}),
        "strange": Case("build-image", left=brought(model_skops=strange, model_json=of_strange)),
        "pickled": Case("build-image", {"params.yaml": strict}, brought(model_json=card | {"format": "joblib"})),
        "wrong": Case("build-image", {"src/mlgate/serving/front.py": _wrong(scene)}, brought()),
    }


def _code(scene: Scene) -> dict[str, Case]:
    lenient = {"status": "pass"}
    floor = _spoilt(scene, "src/mlgate/gates/floor.py", "floor_gate", f".model_copy(update={lenient})")
    finite = _changed(
        _text(scene, "src/mlgate/quality/columns.py"), (r"        if infinite.any\(\):", "        if False:")
    )
    return {
        "switched-off": Case(
            "prove-gates", {"src/mlgate/gates/floor.py": floor, "src/mlgate/quality/columns.py": finite}
        ),
        "untested": Case(
            "run-tests",
            {"tests/red/test_red.py": "def test_red() -> None:\n    assert 1 == 2\n"},
            inputs={"tests": "tests/red"},
        ),
        "untidy": Case("check-code", _untidy(scene)),
    }


def _untidy(scene: Scene) -> Files:
    """What each check before a commit refuses."""
    governance = _text(scene, "governance/model.yaml")
    return {
        "src/model/untidy.py": "import os\n\nNUMBER: int = 'one'\n",
        "docs/key.md": "-----BEGIN {} PRIVATE KEY-----\n".format("RSA"),
        "docs/large.bin": bytes(11_000_000),
        "params.yaml": _text(scene, "params.yaml") + "colour: blue\n",
        "governance/model.yaml": _changed(governance, (r"  accountable: ", '  accountable: ""')),
        "data/raw.parquet": b"rows",
    }


def _wrong(scene: Scene) -> str:
    """The service's door, so that it says another version and other scores, refuses nothing, and takes its time."""
    text = _text(scene, "src/mlgate/serving/front.py")
    spoil = "        status, body, headers = await _spoil(status, body)\n"
    text, found = re.subn(r"(?m)^(?=        await send\({\"type\": \"http.response.start\")", spoil, text)
    assert found == 1
    return (
        text
        + """

async def _spoil(status: int, body: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    rows = json.loads(body)["predictions"] if status == 200 else []
    await asyncio.sleep(0.6 if len(rows) == 1 else 0)
    body = json.dumps({"predictions": [{**row, "score": row["score"] + 1e-6} for row in rows]}).encode()
    said = {b"content-type": b"application/json", b"x-model-version": b"f" * 12}
    return 200, body, [*said.items(), (b"content-length", str(len(body)).encode())]
"""
    )


def _models(scene: Scene) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((scene.clone / "models").iterdir())}


def _in_models(files: dict[str, bytes]) -> dict[str, str | bytes]:
    return {f"models/{name}": content for name, content in files.items()}


def _locked(scene: Scene, models: dict[str, bytes]) -> str:
    """A dvc.lock that says that `train` made these files."""
    listed = [{"md5": _md5(content), "relpath": name} for name, content in sorted(models.items())]
    said = yaml.safe_load(_text(scene, "dvc.lock"))
    said["stages"]["train"]["outs"] = [
        {
            "path": "models", "hash": "md5", "md5": f"{_md5(json.dumps(listed, sort_keys=True).encode())}.dir",
            "size": sum(map(len, models.values())), "nfiles": len(models),
        }
    ]  # fmt: skip
    return yaml.safe_dump(said, sort_keys=False)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


def _text(scene: Scene, name: str) -> str:
    return (scene.clone / name).read_text(encoding="utf-8")


def _changed(text: str, *lines: tuple[str, str]) -> str:
    """The text with each line, found by its start, in the place of the one there."""
    for pattern, line in lines:
        text, found = re.subn(rf"(?m)^{pattern}.*$", line, text, count=1)
        assert found == 1, pattern
    return text


def _spoilt(scene: Scene, path: str, name: str, more: str) -> str:
    """A module whose function gives what it gave, and `more` done to it."""
    wrapper = f"\n\n_former = {name}\n\n\ndef {name}(*words):\n    return _former(*words){more}\n"
    return _text(scene, path) + wrapper
