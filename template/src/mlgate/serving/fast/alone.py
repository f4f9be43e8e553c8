"""What plain Python does for a row, where that was switched on; where it fails, the frames are asked instead."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mlgate.serving.fast.agreement import Fast
from mlgate.serving.fast.lift import Score

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("mlgate.serving.fast")


def alone(fast: Fast, row: dict[str, Any]) -> tuple[list[Any], Score] | None:
    """Features and score of one row as the contract reads it; None where only a frame can tell."""
    if fast.row is None or fast.pipeline is None:
        return None
    try:
        values = fast.row(row)
        score = fast.pipeline(values)
    except Exception as error:
        _failed(error)
        return None
    return (values, score) if _finite(score) else None


def framed(fast: Fast, row: dict[str, Any]) -> tuple[list[Any], pd.DataFrame] | None:
    """Features of one row, and their frame, for a pipeline that is not lifted; None where only `features` can tell."""
    if fast.pipeline is not None or fast.row is None or fast.frame is None:
        return None
    try:
        values = fast.row(row)
        return values, fast.frame(values)
    except Exception as error:
        _failed(error)
        return None


def lifted(fast: Fast, rows: Iterable[Sequence[Any]]) -> list[Score] | None:
    """Scores of rows of features; None where only the pipeline itself can tell."""
    if fast.pipeline is None:
        return None
    try:
        scores = [fast.pipeline(list(values)) for values in rows]
    except Exception as error:
        _failed(error)
        return None
    return scores if all(map(_finite, scores)) else None


def _failed(error: Exception) -> None:
    log.warning("the fast path failed on a row (%s); answering from a frame", type(error).__name__)


def _finite(score: Score) -> bool:
    return all(map(math.isfinite, score)) if isinstance(score, list) else math.isfinite(score)
