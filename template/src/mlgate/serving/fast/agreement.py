"""Whether the fast path gives the pipeline's answers: asked on the holdout when a release is built, and at each start.

Four parts are judged apart. `pipeline`: the fitted pipeline as plain Python. `features`: `row_features` in
`src/model/features.py`, one row without a frame. `frame`: where the pipeline needs one, it is made from those features.
`together`: features of a row do not depend on the rows beside it, so that requests that wait can share a frame.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from mlgate.gates.scoring import score
from mlgate.params import Task
from mlgate.serving.answers import of_frame
from mlgate.serving.fast.framed import Framing, framing
from mlgate.serving.fast.lift import Lifted, lift
from mlgate.serving.fast.not_lifted import NotLiftedError
from mlgate.serving.fast.values import as_framed
from mlgate.serving.rows import Contract

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("mlgate.serving.fast")
TOLERANCE = 1e-9  # of a score, relative above one; features must be equal
ALONE, FRAMED = 50, 20  # rows whose features are computed one by one; and whose scores are, in frames made from values
Part = Literal["pipeline", "features", "frame", "together"]
PARTS: tuple[Part, ...] = ("pipeline", "features", "frame", "together")
LOOKS_BACK = "features look back on earlier rows (HISTORY)"
Rows = list[dict[str, Any]]


@dataclass
class Fast:
    """What may be computed without frames; for each other part, a reason."""

    pipeline: Lifted | None = None
    row: Callable[[dict[str, Any]], list[Any]] | None = None
    frame: Framing | None = None
    together: bool = False
    worst: float = 0.0
    rows: int = 0
    reasons: dict[Part, str] = field(default_factory=dict)

    @property
    def alone(self) -> bool:
        """Whether a row needs no frame at all."""
        return self.pipeline is not None and self.row is not None

    def off(self, part: Part, reason: str) -> None:
        self.reasons.setdefault(part, reason)
        if part == "pipeline":
            self.pipeline = None
        elif part == "features":
            self.row = None
        elif part == "frame":
            self.frame = None
        else:
            self.together = False


@dataclass(frozen=True)
class Subject:
    """A release as it is judged: its contract, its fitted pipeline and its module `model.features`."""

    contract: Contract
    model: Any
    task: Task
    code: Any

    @cached_property
    def names(self) -> list[str]:
        return list(self.code.FEATURES)

    def inputs(self, rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
        made: pd.DataFrame = self.code.features(rows, history)
        return made

    def scores(self, inputs: pd.DataFrame) -> Any:
        return score(self.model, inputs, self.task)


def judge(subject: Subject, rows: Rows | None, inputs: pd.DataFrame) -> Fast:
    """Compare on `rows`, as the contract reads them, and their features `inputs`; no rows where features look back."""
    found = Fast(rows=len(inputs))
    for part, work in zip(PARTS, (_pipeline, _features, _frame, _together), strict=True):
        try:
            work(subject, rows, inputs, found)
        except NotLiftedError as reason:
            found.off(part, str(reason))
        except Exception as error:
            log.warning("no fast path for %s", part, exc_info=True)
            found.off(part, f"{type(error).__name__}, see the log")
    return found


def _pipeline(subject: Subject, _: Rows | None, inputs: pd.DataFrame, found: Fast) -> None:
    lifted = lift(subject.model, subject.names, subject.task)
    odd = [str(name) for name in subject.names if inputs[name].dtype.kind not in "fibO"]
    if odd:
        raise NotLiftedError(f"feature {odd[0]} has dtype {inputs[odd[0]].dtype}")
    expected = subject.scores(inputs).tolist()
    for values, wanted in zip(of_frame(inputs, subject.names), expected, strict=True):
        for one, other in zip(_numbers(lifted(list(values))), _numbers(wanted), strict=True):
            gap = abs(one - other) / max(1.0, abs(other))
            if not gap <= TOLERANCE:
                raise NotLiftedError(f"scores differ by {gap:.2g}, more than {TOLERANCE:g}")
            found.worst = max(found.worst, gap)
    found.pipeline = lifted


def _numbers(value: Any) -> list[float]:
    return value if isinstance(value, list) else [value]


def _features(subject: Subject, rows: Rows | None, inputs: pd.DataFrame, found: Fast) -> None:
    given = getattr(subject.code, "row_features", None)
    if rows is None:
        raise NotLiftedError(LOOKS_BACK)
    if given is None:
        raise NotLiftedError("src/model/features.py has no row_features")
    if subject.contract.on_frame:
        raise NotLiftedError("schema.py has a check that only a frame can answer")
    framed = as_framed(subject.contract.columns)
    for row, wanted in zip(rows, of_frame(inputs, subject.names), strict=True):
        _same(subject.names, given(framed(row)), wanted)
    found.row = lambda row: given(framed(row))


def _frame(subject: Subject, rows: Rows | None, inputs: pd.DataFrame, found: Fast) -> None:
    if rows is None or found.row is None:
        raise NotLiftedError(found.reasons["features"])
    framed = framing(inputs)
    for place in range(0, len(rows), max(1, len(rows) // FRAMED)):
        own = inputs.iloc[[place]]
        made = framed(found.row(rows[place]))
        _same(subject.names, of_frame(made, list(made.columns))[0], of_frame(own, subject.names)[0])
        if _numbers(subject.scores(made).tolist()[0]) != _numbers(subject.scores(own).tolist()[0]):
            raise NotLiftedError("scores differ in a frame made from values")
    found.frame = framed


def _together(subject: Subject, rows: Rows | None, inputs: pd.DataFrame, found: Fast) -> None:
    if rows is None:
        raise NotLiftedError(LOOKS_BACK)
    if subject.contract.on_frame:
        raise NotLiftedError("schema.py has a check that only a frame can answer")
    step = max(1, len(rows) // ALONE)
    wanted = of_frame(inputs, subject.names)
    for place in range(0, len(rows), step):
        alone = subject.inputs(subject.contract.frame([rows[place]]), None)
        _same(subject.names, of_frame(alone, subject.names)[0], wanted[place])
    found.together = True


def _same(names: Sequence[str], ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    for name, one, other in zip(names, ours, theirs, strict=True):
        if one != other and not (_missing(one) and _missing(other)):
            raise NotLiftedError(f"feature {name} differs")


def _missing(value: Any) -> bool:
    return value is None or value != value


def mixed(rows: Rows, contract: Contract, number: int, seed: int = 0) -> Rows:
    """So many rows whose every value is that of some row given, or missing where it may be, or a word never seen."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    pools = {c.name: list(_pool(c, rows)) for c in contract.columns}
    return [{name: rng.choice(pool) for name, pool in pools.items()} for _ in range(number)]


def _pool(column: Any, rows: Rows) -> Iterator[Any]:
    yield from (row[column.name] for row in rows)
    if column.nullable:
        yield None
    if getattr(column.dtype, "kind", "O") == "O" and str(column.dtype) != "category":
        yield "a word never seen"
