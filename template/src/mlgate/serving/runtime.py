"""What the service does with a request: rows, features with history, scores, answer; then history and log."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlgate.errors import ConfigError
from mlgate.packing.release import ModelCard, read_card, version_of
from mlgate.params import Params
from mlgate.serving.bundle import ARTIFACTS, bundle_root, environment_state, key_state
from mlgate.serving.counters import counters
from mlgate.serving.history import History
from mlgate.serving.prediction_log import PredictionLog
from mlgate.serving.pseudonym import pseudonym, read_key
from mlgate.serving.rows import Contract

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["Runtime", "bundle_root"]

MEGABYTE = 1_000_000


class Runtime:
    """A loaded release. Construct and call it in one thread: limits on OpenMP's threads hold for that thread alone.

    Raises
    ------
    MlgateError
        If the bundle is incomplete, or its model is not the file that its card names.
    """

    def __init__(self, root: Path) -> None:
        from threadpoolctl import threadpool_limits

        from mlgate.gates.scoring import score
        from mlgate.table.roles import columns
        from mlgate.training.modelfile import load
        from model.features import FEATURES, HISTORY, features
        from model.schema import Inputs

        self.root, self.state = root, environment_state()
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
        self._key = read_key(key_state(self.state))
        self._history = self._open_history(HISTORY)
        self._log = self._open_log()
        self._warm_up(root / ARTIFACTS / "golden.json")
        gc.collect()
        gc.freeze()

    def _open_history(self, spec: Any) -> History | None:
        if spec is None:
            return None
        if self.params.data.id is None:
            raise ConfigError("features look back, and data.id is null", "name the identifier in params.yaml")
        release = self.root / ARTIFACTS / "history.sqlite"
        if not release.is_file():
            raise ConfigError(f"{release} is missing", "build the release again with `mlgate package`")
        path = self.state / "history" / "history.sqlite" if self.state else None
        return History(release, path, spec, self.params.data.id, lambda _: counters().history.inc())

    def _open_log(self) -> PredictionLog | None:
        if self.state is None:
            return None
        serving, logged = self.params.serving, counters().logged
        limit = serving.log_limit_mb * MEGABYTE
        return PredictionLog(
            self.state / "predictions", limit, serving.log_queue, lambda outcome, n: logged.labels(outcome).inc(n)
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
        (a smoke test) is logged as such and not remembered, and sees the release's own history alone.

        Raises
        ------
        RequestError
            If the body or a row breaks the contract.
        """
        rows = self.contract.parse(content)
        history = self._history.before(rows, released=probe) if self._history else None
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

    def flush(self) -> None:
        """Wait until the log has written what it was given."""
        if self._log:
            self._log.flush()

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
