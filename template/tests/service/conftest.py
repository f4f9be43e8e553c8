"""A release of this repository, small enough to make in a test, and its service without a network between."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from mlgate.files import digest
from mlgate.gates.scoring import score
from mlgate.packing.release import ModelCard
from mlgate.params import parse
from mlgate.replay.wire import requests
from mlgate.serving.history import materialise
from mlgate.serving.runtime import Runtime
from mlgate.table import targets
from mlgate.training import modelfile
from model.data import load
from model.features import FEATURES, HISTORY, features
from model.model import build
from model.schema import Inputs

SOURCE = Path(__file__).resolve().parents[2] / "src"
PAST, NEXT = 4_000, 60  # rows: what the model is trained on, and what is asked


@dataclass(frozen=True)
class Service:
    """A loaded release, the rows it was made from, and the rows to ask it for (columns of `Inputs`)."""

    runtime: Runtime
    past: pd.DataFrame
    next: pd.DataFrame

    def body(self, rows: pd.DataFrame) -> bytes:
        ((_, _, content),) = requests(rows, self.runtime.params)
        return content

    def ask(self, rows: pd.DataFrame) -> list[dict[str, Any]]:
        """Predictions for `rows` as a client gets them; the rows are then remembered, as for any client."""
        answer, afterwards = self.runtime.predict(self.body(rows))
        afterwards()
        predictions: list[dict[str, Any]] = json.loads(answer)["predictions"]
        return predictions


@pytest.fixture(scope="module")
def service(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("release")
    content = copy.deepcopy(settings)
    content["model"] |= {"max_iter": 20} if "max_iter" in content["model"] else {}
    if "customers" in content["data"]["source"]:
        content["data"]["source"] |= {"customers": 200, "terminals": 60}
    params = parse(content)
    frame = load(params).tail(PAST + NEXT).reset_index(drop=True)
    inputs, past = frame[list(Inputs.to_schema().columns)], frame.head(PAST)
    labels = targets.classes(past, params)
    (folder / "artifacts").mkdir()
    shutil.copytree(SOURCE / "model", folder / "model")
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    made = features(inputs.head(PAST), None)
    pipeline = build(params).fit(made, targets.encode(past, params, labels))
    _write(folder / "artifacts", pipeline, labels, content)
    if HISTORY is not None and params.data.id is not None:
        materialise(folder / "artifacts" / "history.sqlite", inputs.head(PAST), HISTORY, params.data.id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLGATE_ENVIRONMENT_STATE", str(folder / "environments" / "staging"))
        runtime = Runtime(folder)
    yield Service(runtime, inputs.head(PAST), inputs.tail(NEXT))
    runtime.close()


def _write(folder: Path, pipeline: Any, labels: list[Any], content: dict[str, Any]) -> None:
    path, nothing = modelfile.save(pipeline, folder), "sha256:" + "0" * 64
    card = ModelCard(
        model=content["project"]["slug"],
        file=path.name,
        format="skops" if path.suffix == ".skops" else "joblib",
        digest=digest(path),
        inputs=nothing,
        estimator=type(pipeline).__name__,
        task=content["data"]["task"],
        classes=labels,
        features=list(FEATURES),
        train_rows=PAST,
        train_digest=nothing,
        data_digest=nothing,
        holdout_digest=nothing,
        holdout_rows=0,
    )
    (folder / "model.json").write_text(card.model_dump_json(), encoding="utf-8")


@pytest.fixture(scope="module")
def offline(service: Service) -> Any:
    """Scores of the asked rows with everything before them in one frame, as in training."""
    whole = pd.concat([service.past, service.next], ignore_index=True)
    inputs = features(whole, None).tail(len(service.next))
    pipeline = modelfile.load(
        service.runtime.root / "artifacts" / service.runtime.card.file, service.runtime.card.digest
    )
    return score(pipeline, inputs, service.runtime.card.task)
