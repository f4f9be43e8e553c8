"""A release small enough to build in a test: the real packages, the default use case, few customers."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mlgate.files import digest
from mlgate.gates.scoring import score
from mlgate.packing import agreement
from mlgate.packing.release import ModelCard
from mlgate.params import Params, parse
from mlgate.serving.history import materialise
from mlgate.training import modelfile

TEMPLATE = Path(__file__).parents[3] / "template"


@dataclass(frozen=True)
class Bundle:
    root: Path
    params: Params
    past: pd.DataFrame  # what the release's history was made from
    next: pd.DataFrame  # transactions that come after, inputs only

    @property
    def model(self) -> Any:
        card = ModelCard.model_validate_json((self.root / "artifacts" / "model.json").read_bytes())
        return modelfile.load(self.root / "artifacts" / card.file, card.digest)

    def offline(self, rows: pd.DataFrame) -> list[float]:
        """Scores of `rows` with all that came before them in one frame, as in training."""
        from model.features import features

        whole = pd.concat([self.past, rows], ignore_index=True)
        inputs = features(whole, None).iloc[-len(rows) :]
        return [float(value) for value in score(self.model, inputs, self.params.data.task)]


def read_params(**serving: Any) -> dict[str, Any]:
    content = yaml.safe_load((TEMPLATE / "params.yaml").read_text())
    content["project"] = {"name": "Card fraud", "slug": "card-fraud", "owner": "acme"}
    content["data"]["source"] |= {"customers": 300, "terminals": 60, "start": "2026-01-05", "until": "2026-03-20"}
    content["model"] |= {"max_iter": 10}
    content["serving"] |= serving
    return dict(content)


def build(root: Path, **serving: Any) -> Bundle:
    """Write a bundle into `root` and return it with the transactions of the days after it."""
    from model.data import load
    from model.features import FEATURES, HISTORY, features
    from model.model import build as build_model
    from model.schema import Inputs

    content = read_params(**serving)
    params = parse(content)
    for name in ("model", "mlgate"):
        shutil.copytree(TEMPLATE / "src" / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "params.yaml").write_text(yaml.safe_dump(content))
    artifacts = root / "artifacts"
    artifacts.mkdir()
    frame = load(params)
    inputs = list(Inputs.to_schema().columns)
    cut = frame["timestamp"].max() - timedelta(days=3)
    past, later = frame[frame["timestamp"] < cut], frame[frame["timestamp"] >= cut]
    made = features(past[inputs], None)
    path = modelfile.save(build_model(params).fit(made, past["is_fraud"].to_numpy()), artifacts)
    zeros = "sha256:" + "0" * 64
    card = ModelCard(
        model="card-fraud",
        file=path.name,
        format="skops",
        digest=digest(path),
        inputs=zeros,
        estimator="Pipeline",
        task="binary",
        classes=[0, 1],
        features=list(FEATURES),
        train_rows=len(past),
        train_digest=zeros,
        data_digest=zeros,
        holdout_digest=zeros,
        holdout_rows=0,
    )
    (artifacts / "model.json").write_text(card.model_dump_json())
    materialise(artifacts / "history.sqlite", past[inputs], HISTORY, "transaction_id")
    model = modelfile.load(path, card.digest)
    split = parse({**content, "split": {**content["split"], "holdout": "3d"}})
    agreement.write(artifacts / "fast.json", split, card, model, frame)
    (artifacts / "golden.json").write_text(json.dumps({"rows": as_rows(past[inputs].tail(3)), "scores": []}))
    return Bundle(root, params, past[inputs].reset_index(drop=True), later[inputs].reset_index(drop=True))


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a request: times as ISO text, what is missing as null."""
    return json.loads(
        frame.assign(timestamp=frame["timestamp"].map(lambda t: t.isoformat())).to_json(
            orient="records", double_precision=15
        )
    )
