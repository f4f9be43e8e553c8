"""What is said of scored rows: the answer to who asked, and the lines of the log."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlgate.packing.release import ModelCard
from mlgate.serving.pseudonym import pseudonym

if TYPE_CHECKING:
    import pandas as pd

Score = float | list[float]


@dataclass(frozen=True)
class Scored:
    """Rows that were scored: identifiers (or no columns of them), scores, and what the log needs, made when needed.

    `logged` gives the moments of the rows (None where there is no time column) and the values of each row's features.
    """

    ids: list[Any] | None
    scores: Sequence[Score]
    logged: Callable[[], tuple[list[Any] | None, list[Sequence[Any]]]]


class Answers:
    """The words of one release.

    Parameters
    ----------
    id
        Name of the identifier, if there is one.
    logged
        Features that a line of the log may hold.
    key
        Of pseudonyms.
    """

    def __init__(self, card: ModelCard, version: str, id: str | None, logged: Sequence[str], key: bytes) -> None:
        self._card, self._version, self._id, self._logged, self._key = card, version, id, logged, key
        self._labels = [str(label) for label in card.classes]

    def body(self, scored: Scored) -> bytes:
        """The JSON that answers a request."""
        ids = [{}] * len(scored.scores) if scored.ids is None else [{self._id: _plain(value)} for value in scored.ids]
        told = [{**one, **self._told(score)} for one, score in zip(ids, scored.scores, strict=True)]
        return json.dumps({"model_version": self._version, "predictions": told}, allow_nan=False).encode()

    def _told(self, score: Any) -> dict[str, Any]:
        if self._card.task != "multiclass":
            return {"prediction" if self._card.task == "regression" else "score": score}
        best = max(range(len(score)), key=score.__getitem__)
        return {"label": self._card.classes[best], "scores": dict(zip(self._labels, score, strict=True))}

    def lines(self, now: datetime, scored: Scored, probe: bool) -> list[dict[str, Any]]:
        """Records for the log; called in the log's thread."""
        moments, values = scored.logged()
        word = "scores" if self._card.task == "multiclass" else "score"
        head = {"version": self._version, "data_digest": self._card.data_digest}
        tail = {"probe": True} if probe else {}
        none = [None] * len(values)
        times = none if moments is None else [moment.isoformat() for moment in moments]
        rows = none if scored.ids is None else [pseudonym(value, self._key) for value in scored.ids]
        return [
            {"time": now.isoformat(), "event_time": moment, **head, "row": row, word: score, **tail}
            | {"features": dict(zip(self._logged, map(_plain, own), strict=True))}
            for moment, row, own, score in zip(times, rows, values, scored.scores, strict=True)
        ]


def of_frame(frame: pd.DataFrame, names: Sequence[str]) -> list[Sequence[Any]]:
    """The values of each row of a frame, in the order of `names`."""
    return list(zip(*(frame[name].tolist() for name in names), strict=True)) if names else [()] * len(frame)


def _plain(value: Any) -> Any:
    """A value as JSON has it; null for what is missing or not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return None if value != value else str(value)
