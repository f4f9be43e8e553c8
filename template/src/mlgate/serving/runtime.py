"""What the service does with a request: rows, features with history, scores, answer; then history and log."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlgate.packing.release import ModelCard, read_card, version_of
from mlgate.params import Params
from mlgate.serving.answers import Answers, Score, Scored, of_frame
from mlgate.serving.bundle import ARTIFACTS, environment_state, key_state
from mlgate.serving.counters import counters
from mlgate.serving.fast.agreement import Fast, Subject
from mlgate.serving.fast.alone import alone, framed, lifted
from mlgate.serving.fast.switch import never, switch
from mlgate.serving.kept import open_history, open_log
from mlgate.serving.pseudonym import read_key
from mlgate.serving.rows import Contract, RequestError
from mlgate.serving.score_counts import ScoreCounts

if TYPE_CHECKING:
    import pandas as pd

FEW = 8  # rows that plain Python scores faster than scikit-learn
Answer = tuple[bytes, Callable[[], None]]


class Runtime:
    """A loaded release. Construct and call it in one thread: limits on OpenMP's threads hold for that thread alone.

    Raises
    ------
    MlgateError
        If the bundle is incomplete, or its model is not the file that its card names.
    """

    def __init__(self, root: Path) -> None:
        from threadpoolctl import threadpool_limits

        import model.features as code
        from mlgate.table.roles import UNLOGGED, columns
        from mlgate.training.modelfile import load
        from model.schema import Inputs

        self.root, self.state = root, environment_state()
        self.params = Params.read(root / "params.yaml")
        self.card: ModelCard = read_card(root / ARTIFACTS)
        self.version = version_of(self.card.digest)
        model = load(root / ARTIFACTS / self.card.file, self.card.digest)
        threadpool_limits(1)
        self.contract = Contract(Inputs.to_schema(), self.params.serving.max_rows)
        self._subject = Subject(self.contract, model, self.card.task, code)
        hidden = set(columns(Inputs).of(*UNLOGGED))
        self._logged = [name for name in code.FEATURES if name not in hidden]
        self._logged_places = [self._subject.names.index(name) for name in self._logged]
        key = read_key(key_state(self.state))
        self._answers = Answers(self.card, self.version, self.params.data.id, self._logged, key)
        self._history = open_history(root, self.state, self.params, code.HISTORY)
        self._log = open_log(self.state, self.params)
        self._predicted = counters().predictions.labels(self.version)
        self._spread = ScoreCounts(self.card, self.version)
        self.fast = Fast()
        self.fast = self._switch(root / ARTIFACTS / "golden.json")
        gc.freeze()  # all of this stays: no search for cycles, between two requests, has to go through it

    def _switch(self, golden: Path) -> Fast:
        """Make a first prediction, so that the first request isn't the slow one, and compare the fast path with it."""
        if not golden.is_file():
            return never("the release has no golden rows")
        golden_rows = json.loads(golden.read_bytes())["rows"][: self.params.serving.max_rows]
        body = json.dumps({"rows": golden_rows}).encode()
        self.predict(body, probe=True)
        rows = self.contract.read(body)
        inputs = self._inputs(self.contract.frame(rows), True) if self._history else None
        return switch(self._subject, self.card, self.root / ARTIFACTS, rows, inputs, self.params.serving.fast)

    def predict(self, content: bytes, probe: bool = False) -> Answer:
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
        rows = self.contract.read(content)
        if len(rows) == 1 and (found := framed(self.fast, rows[0])):
            values, inputs = found
            return self._answer_alone(rows[0], values, self._subject.scores(inputs).tolist()[0], probe)
        frame = self.contract.checked(self.contract.frame(rows))
        return self._answer(frame, *self._scored(frame, probe), probe)

    def predict_alone(self, content: bytes, probe: bool = False) -> Answer | None:
        """Answer a request of one row without a frame; None where that can't be done, and `predict` is to be asked.

        Takes microseconds, and touches nothing that `predict` in another thread does. Raises what `predict` raises.
        """
        if not self.fast.alone:
            return None
        rows = self.contract.read(content)
        found = alone(self.fast, rows[0]) if len(rows) == 1 else None
        return self._answer_alone(rows[0], *found, probe) if found else None

    def _answer_alone(self, row: dict[str, Any], values: list[Any], score: Score, probe: bool) -> Answer:
        id, time, places = self.params.data.id, self.params.data.time, self._logged_places
        scored = Scored(
            [row[id]] if id else None,
            [score],
            lambda: ([row[time]] if time else None, [[values[place] for place in places]]),
        )
        return self._answers.body(scored), lambda: self._keep(scored, probe)

    def predict_together(self, requests: list[tuple[bytes, bool]]) -> list[Answer | Exception]:
        """Answer requests that waited: in one frame if no row needs another one, else one after another."""
        if len(requests) == 1 or not self.fast.together:
            return [self._attempt(*request) for request in requests]
        read: list[list[dict[str, Any]] | RequestError] = []
        for content, _ in requests:
            try:
                read.append(self.contract.read(content))
            except RequestError as refused:
                read.append(refused)
        good = [rows for rows in read if isinstance(rows, list)]
        try:
            frame = self.contract.frame([row for rows in good for row in rows])
            inputs, scores = self._scored(frame, False) if good else (frame, [])
        except Exception:  # one request's trouble is not the others'
            return [self._attempt(*request) for request in requests]
        answers: list[Answer | Exception] = []
        start = 0
        for rows, (_, probe) in zip(read, requests, strict=True):
            if isinstance(rows, RequestError):
                answers.append(rows)
                continue
            own = slice(start, start := start + len(rows))
            answers.append(self._answer(frame.iloc[own], inputs.iloc[own], scores[own], probe))
        return answers

    def _attempt(self, content: bytes, probe: bool) -> Answer | Exception:
        try:
            return self.predict(content, probe)
        except Exception as error:
            return error

    def _inputs(self, rows: pd.DataFrame, probe: bool) -> pd.DataFrame:
        history = self._history.before(rows, released=probe) if self._history else None
        return self._subject.inputs(rows, history)

    def _scored(self, rows: pd.DataFrame, probe: bool) -> tuple[pd.DataFrame, list[Any]]:
        """Features and scores; of few rows the scores come from the pipeline as plain Python, where it agreed."""
        inputs = self._inputs(rows, probe)
        few = len(inputs) <= FEW and self.fast.pipeline is not None
        scores = lifted(self.fast, of_frame(inputs, self._subject.names)) if few else None
        return inputs, self._subject.scores(inputs).tolist() if scores is None else scores

    def _answer(self, rows: pd.DataFrame, inputs: pd.DataFrame, scores: list[Any], probe: bool) -> Answer:
        id, time = self.params.data.id, self.params.data.time
        scored = Scored(
            rows[id].tolist() if id else None,
            scores,
            lambda: (list(rows[time]) if time else None, of_frame(inputs, self._logged)),
        )

        def afterwards() -> None:
            if self._history and not probe:
                self._history.append(rows)
            self._keep(scored, probe)

        return self._answers.body(scored), afterwards

    def _keep(self, scored: Scored, probe: bool) -> None:
        self._predicted.inc(len(scored.scores))
        if not probe:
            self._spread.add(scored.scores)
        if self._log:
            now = datetime.now(UTC).replace(tzinfo=None)
            self._log.append(len(scored.scores), lambda: self._answers.lines(now, scored, probe))

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
