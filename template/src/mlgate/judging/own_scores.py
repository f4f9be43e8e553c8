"""Whether the scores that are judged are this model's: computed again from the model file, never taken on trust."""

from __future__ import annotations

import importlib
import warnings

import numpy as np

from mlgate.errors import DataError
from mlgate.gates.scoring import score
from mlgate.judging.holdout import MEND, Holdout
from mlgate.packing.release import ModelCard
from mlgate.project import Project
from mlgate.training import modelfile
from mlgate.versions import snapshot

TOLERANCE = 1e-6  # other processors add in another order; no gate turns on so little


def require_own_scores(project: Project, card: ModelCard, rows: Holdout) -> None:
    """Score the holdout again with the model file and compare.

    Raises
    ------
    DataError
        If the model can't be loaded or can't score these rows, or a stored score is another model's or made up.
    """
    features = importlib.import_module("model.features").features
    model = modelfile.load(project.models / card.file, card.digest)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inputs = features(snapshot.read(project.raw, project.params), None).iloc[rows.positions]
            again = score(model, inputs, card.task)
    except DataError:
        raise
    except Exception as error:  # the user's code, on the user's data
        raise DataError(f"the model can't score the holdout: {type(error).__name__}: {error}", MEND) from error
    if again.shape != rows.s.shape:
        raise DataError(f"models/holdout.parquet has scores of shape {rows.s.shape}, the model {again.shape}", MEND)
    gap = np.abs(again - rows.s) / np.maximum(1.0, np.abs(again))
    wrong = ~(gap <= TOLERANCE)
    if wrong.any():
        row = int(np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))[0])
        raise DataError(
            f"models/holdout.parquet: the score of row {row} is not this model's ({int(wrong.sum()):,} such)", MEND
        )
