"""From a snapshot to a fitted model and what judges it later: pure, so that proofs and retraining can call it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlgate.errors import DataError, MlgateError
from mlgate.gates.scoring import score
from mlgate.params import Params
from mlgate.table import targets
from mlgate.table.split import Split, cluster_hashes, row_hashes, split

Features = Callable[[pd.DataFrame, pd.DataFrame | None], pd.DataFrame]
Build = Callable[[Params], Any]


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline with its holdout; `inputs` are the features of all rows, `y` their targets as numbers."""

    pipeline: Any
    inputs: pd.DataFrame
    y: Any
    labels: list[targets.Label]
    split: Split
    scores: Any
    holdout: pd.DataFrame


def fit(frame: pd.DataFrame, params: Params, features: Features, build: Build) -> Fitted:
    """Fit on the training rows, score the holdout.

    Features are computed on the whole frame, as each looks back only; the estimator sees training rows alone.

    Raises
    ------
    DataError
        If features or fit fail on these rows, training has one class only, or a score is not finite.
    """
    parts = split(frame, params)
    labels = targets.classes(frame, params)
    y = targets.encode(frame, params, labels)
    if labels and len(np.unique(y[parts.train])) < len(labels):
        raise DataError("the training rows lack a class that the data have", "ingest more data, or change split")
    inputs = _attempt("features.features", lambda: features(frame, None))
    pipeline = _attempt("model.build", lambda: build(params))
    _attempt("model.build(params).fit", lambda: pipeline.fit(inputs[parts.train], y[parts.train]))
    scores = score(pipeline, inputs[parts.holdout], params.data.task)
    return Fitted(pipeline, inputs, y, labels, parts, scores, _holdout(frame, params, parts, y, scores))


def _attempt(name: str, work: Callable[[], Any]) -> Any:
    """Run the user's code; what it raises becomes one sentence that names it."""
    try:
        return work()
    except MlgateError:
        raise
    except Exception as error:
        words = (str(error).strip().splitlines() or [""])[0][:300]
        raise DataError(f"model.{name} failed: {type(error).__name__}: {words}", "look at src/model") from error


def _holdout(frame: pd.DataFrame, params: Params, parts: Split, y: Any, scores: Any) -> pd.DataFrame:
    """What the gates need of the holdout, without the rows themselves: hashes, target, scores, time."""
    mask = parts.holdout
    columns: dict[str, Any] = {"row_hash": row_hashes(frame, params)[mask]}
    clusters = cluster_hashes(frame, params)
    columns["cluster"] = pd.array([None] * int(mask.sum()), dtype="UInt64") if clusters is None else clusters[mask]
    columns["target"] = y[mask]
    if scores.ndim == 1:
        columns["score"] = scores
    else:
        columns.update({f"score_{number}": scores[:, number] for number in range(scores.shape[1])})
    time = params.data.time
    columns["time"] = frame.loc[mask, time].to_numpy() if time else np.full(int(mask.sum()), np.datetime64("NaT", "us"))
    return pd.DataFrame(columns).reset_index(drop=True)


def inputs_digest(params: Params, data_digest: str, code_digest: str, versions: dict[str, str]) -> str:
    """Digest of everything that a model depends on; two equal ones mean that training again changes nothing."""
    said = params.model_dump(mode="json")
    parts = {name: said[name] for name in ("data", "split", "model")}
    parts["monitor"] = {name: said["monitor"][name] for name in ("window", "season")}
    content = {**parts, "slug": params.project.slug, "rows": data_digest, "code": code_digest, "versions": versions}
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
