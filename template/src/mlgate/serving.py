"""What the service does with a request: rows, features with history, scores, answer; then history and log."""

from __future__ import annotations

import gc
import json
import logging
import math
import os
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlgate.counters import counters
from mlgate.errors import ConfigError
from mlgate.history import History
from mlgate.params import Params
from mlgate.prediction_log import PredictionLog
from mlgate.pseudonym import pseudonym, read_key
from mlgate.release import ModelCard, read_card, version_of
from mlgate.rows import Contract

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

log = logging.getLogger("mlgate.serving")
ARTIFACTS = "artifacts"
MEGABYTE = 1_000_000


def bundle_root() -> Path:
    """The folder that holds the `model` package and `artifacts/`; `MLGATE_BUNDLE` overrides it."""
    if given := os.environ.get("MLGATE_BUNDLE"):
        return Path(given).resolve()
    spec = find_spec("model")
    if spec is None or not spec.origin:
        raise ConfigError("there is no package `model` to serve", "start the service from a built release")
    return Path(spec.origin).resolve().parent.parent


def environment_state() -> Path | None:
    """The folder of the environment on this machine, if there is one that can be written."""
    given = os.environ.get("MLGATE_ENVIRONMENT_STATE")
    if not given:
        log.warning("MLGATE_ENVIRONMENT_STATE is not set: predictions are neither logged nor remembered")
        return None
    return Path(given).resolve()


def key_state(environment: Path | None) -> Path | None:
    """Where the pseudonym key lies: above the environments, as their predictions meet the same labels."""
    if environment is not None and environment.parent.name == "environments":
        return environment.parent.parent
    return environment


class Runtime:
    """A loaded release. Construct and call it in one thread: limits on OpenMP's threads hold for that thread alone.

    Raises
    ------
    MlgateError
        If the bundle is incomplete, or its model is not the file that its card names.
    """

    def __init__(self, root: Path) -> None:
        from model.features import FEATURES, HISTORY, features
        from model.schema import Inputs
        from threadpoolctl import threadpool_limits

        from mlgate.modelfile import load
        from mlgate.roles import columns
        from mlgate.scoring import score

        self.params = Params.read(root / "params.yaml")
        self.card: ModelCard = read_card(root / ARTIFACTS)
        self.version = version_of(self.card.digest)
        self._model = load(root / ARTIFACTS / self.card.file, self.card.digest)
        threadpool_limits(1)
        self._features, self._score = features, score
        self.contract = Contract(Inputs.to_schema(), self.params.serving.max_rows)
        inputs = columns(Inputs)
        hidden = {*inputs.personal, *inputs.of("identifier", "cluster", "target", "label_time")}
        self._logged = [name for name in FEATURES if name not in hidden]
        state = environment_state()
        self._key = read_key(key_state(state))
        self._history = self._open_history(root, state, HISTORY)
        self._log = self._open_log(state)
        self._warm_up(root / ARTIFACTS / "golden.json")
        gc.collect()
        gc.freeze()

    def _open_history(self, root: Path, state: Path | None, spec: Any) -> History | None:
        if spec is None:
            return None
        if self.params.data.id is None:
            raise ConfigError("features look back, and data.id is null", "name the identifier in params.yaml")
        release = root / ARTIFACTS / "history.sqlite"
        if not release.is_file():
            raise ConfigError(f"{release} is missing", "build the release again with `mlgate package`")
        path = state / "history.sqlite" if state else None
        return History(release, path, spec, self.params.data.id, lambda _: counters().history.inc())

    def _open_log(self, state: Path | None) -> PredictionLog | None:
        if state is None:
            return None
        serving, logged = self.params.serving, counters().logged
        limit = serving.log_limit_mb * MEGABYTE
        return PredictionLog(
            state / "predictions", limit, serving.log_queue, lambda outcome, n: logged.labels(outcome).inc(n)
        )

    def _warm_up(self, golden: Path) -> None:
        """Make one prediction before the first request, so that the first request isn't the slow one."""
        if golden.is_file():
            self.predict(json.dumps({"rows": json.loads(golden.read_bytes())["rows"][:1]}).encode())

    def predict(self, content: bytes, probe: bool = False) -> tuple[bytes, Callable[[], None]]:
        """Answer one request body.

        Returns
        -------
        The answer's body, and what is to be done once it was sent: remember the rows, log the predictions. A probe
        (a smoke test) is logged as such and not remembered.

        Raises
        ------
        RequestError
            If the body or a row breaks the contract.
        """
        rows = self.contract.parse(content)
        history = self._history.before(rows) if self._history else None
        inputs = self._features(rows, history)
        scores = self._score(self._model, inputs, self.card.task)
        answer = {"model_version": self.version, "predictions": self._predictions(rows, scores)}
        body = json.dumps(answer, allow_nan=False).encode()
        return body, lambda: self._afterwards(rows, inputs, scores, probe)

    def _predictions(self, rows: pd.DataFrame, scores: np.ndarray) -> list[dict[str, Any]]:
        name = self.params.data.id
        ids = [{name: _plain(value)} for value in rows[name].tolist()] if name else [{} for _ in range(len(rows))]
        values = scores.tolist()
        if self.card.task == "multiclass":
            labels = [str(label) for label in self.card.classes]
            best = scores.argmax(axis=1).tolist()
            classes = self.card.classes
            return [
                {**i, "label": classes[b], "scores": dict(zip(labels, v, strict=True))}
                for i, b, v in zip(ids, best, values, strict=True)
            ]
        word = "prediction" if self.card.task == "regression" else "score"
        return [{**i, word: value} for i, value in zip(ids, values, strict=True)]

    def _afterwards(self, rows: pd.DataFrame, inputs: pd.DataFrame, scores: np.ndarray, probe: bool) -> None:
        counters().predictions.labels(self.version).inc(len(rows))
        if self._history and not probe:
            self._history.append(rows)
        if self._log:
            now = datetime.now(UTC).replace(tzinfo=None)
            self._log.append(len(rows), lambda: self._lines(now, rows, inputs, scores, probe))

    def _lines(
        self, now: datetime, rows: pd.DataFrame, inputs: pd.DataFrame, scores: np.ndarray, probe: bool
    ) -> list[dict[str, Any]]:
        """Records for the log; runs in the log's thread."""
        data = self.params.data
        times = [value.isoformat() for value in rows[data.time]] if data.time else [None] * len(rows)
        ids = [pseudonym(value, self._key) for value in rows[data.id].tolist()] if data.id else [None] * len(rows)
        columns = [list(map(_plain, inputs[name].tolist())) for name in self._logged]
        word = "scores" if self.card.task == "multiclass" else "score"
        head = {"version": self.version, "data_digest": self.card.data_digest}
        tail = {"probe": True} if probe else {}
        zipped = zip(times, ids, zip(*columns, strict=True), scores.tolist(), strict=True)
        return [
            {"time": now.isoformat(), "event_time": moment, **head, "row": row, word: score, **tail}
            | {"features": dict(zip(self._logged, values, strict=True))}
            for moment, row, values, score in zipped
        ]

    def close(self) -> None:
        """Write what waits and let go of the files."""
        if self._log:
            self._log.close()
        if self._history:
            self._history.close()


def _plain(value: Any) -> Any:
    """A value as JSON has it; null for what is missing or not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return None if value != value else str(value)
