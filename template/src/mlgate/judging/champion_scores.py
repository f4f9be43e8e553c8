"""The champion's scores on the holdout: those that the ledger keeps, or those of its own bundle, run anew.

The champion runs as it was released: its own code, features, model and locked packages, in a process of its own. Only
the rows are today's. Its files are compared with the digest in the ledger before any of them runs.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgate.errors import DataError, InfraError
from mlgate.files import digest
from mlgate.judging import champion_bundle
from mlgate.judging.holdout import Holdout
from mlgate.judging.kept_scores import MEND, unpack
from mlgate.ledger import Ledger
from mlgate.packing.release import ModelCard, Release
from mlgate.project import Project, begun, bytecode

Array = npt.NDArray[Any]
Scores = Callable[[], tuple[Array, str]]
SCRIPT = """\
import gc
gc.disable()
import json, sys, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("ignore")
from mlgate.training import modelfile
from mlgate.versions import snapshot
from mlgate.params import Params
from mlgate.gates.scoring import score
from model.features import features
said = json.load(sys.stdin)
params = Params.read(Path(said["bundle"]) / "params.yaml")
frame = snapshot.read(Path(said["raw"]), params)
inputs = features(frame, None).iloc[said["positions"]]
model = modelfile.load(Path(said["model"]), said["digest"])
np.save(said["out"], score(model, inputs, params.data.task), allow_pickle=False)
gc.freeze()
"""


@contextmanager
def champion_scores(project: Project, card: ModelCard, champion: Release, rows: Holdout) -> Iterator[Scores]:
    """Begin to score the holdout with the champion, and give a function that waits for what comes of it.

    Scores are (n,) or (n, classes) in the holdout's order, with the words for where they come from. Its process, whose
    start alone takes seconds, works beside this one, and has ended when the context ends.

    Raises
    ------
    DataError
        If the ledger's scores are missing, damaged or lack a row; from the function, if it can't score these rows.
    InfraError
        If the champion's bundle is not on this machine or its environment can't be made.
    """
    if champion.holdout_digest == card.holdout_digest:
        content = Ledger(project).file("production", "holdout.parquet")
        if content is None:
            raise DataError("env/production keeps no holdout.parquet: the champion's scores are missing", MEND)
        scores = unpack(content, rows.hashes)
        yield lambda: (scores, "scores kept in the ledger")
        return
    with _rescoring(project, champion, rows) as rescored:
        yield lambda: (rescored(), "scored anew by its own bundle")


@contextmanager
def _rescoring(project: Project, champion: Release, rows: Holdout) -> Iterator[Callable[[], Array]]:
    bundle = champion_bundle.find(project, champion)
    artifacts = bundle / "artifacts"
    model = next((path for path in sorted(artifacts.glob("model.*")) if path.suffix in (".skops", ".joblib")), None)
    if model is None or digest(model) != champion.model_digest:
        raise InfraError(f"{artifacts} does not hold the champion's model", "remove the release, and package it again")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MLGATE_")}
    environ |= {"PYTHONPATH": str(bundle), "PYTHONSAFEPATH": "1"} | bytecode(project.state)
    with tempfile.TemporaryDirectory(prefix="mlgate-champion-") as scratch:
        out = Path(scratch) / "scores.npy"
        said = {
            "bundle": str(bundle),
            "raw": str(project.raw),
            "positions": rows.positions.tolist(),
            "model": str(model),
            "digest": champion.model_digest,
            "out": str(out),
        }
        command = [champion_bundle.python(project, bundle), "-c", SCRIPT]
        with begun(command, Path(scratch), environ=environ, stdin=json.dumps(said).encode()) as wait:

            def scores() -> Array:
                try:
                    wait()
                except InfraError as error:
                    raise DataError(
                        f"the champion could not score the new holdout: {error}",
                        "today's rows may lack what its features need: see docs/gates.md",
                    ) from error
                return np.asarray(np.load(out, allow_pickle=False))

            yield scores
