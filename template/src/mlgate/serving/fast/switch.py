"""Turns the fast path on where it agreed: on the holdout, as the release records, and on this machine just now."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mlgate.packing.release import ModelCard
from mlgate.serving.counters import counters
from mlgate.serving.fast.agreement import PARTS, TOLERANCE, Fast, Part, Rows, Subject, judge, mixed

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("mlgate.serving.fast")
RECORD = "fast.json"
MIXED = 200  # rows made of the golden ones, for the comparison at each start


class Agreement(BaseModel):
    """`artifacts/fast.json`: what the comparison on the holdout found; part to reason where it is off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    model_digest: str
    holdout_digest: str
    rows: int
    tolerance: float = TOLERANCE
    worst: float
    off: dict[Part, str]


def record(card: ModelCard, found: Fast) -> Agreement:
    return Agreement(
        model_digest=card.digest, holdout_digest=card.holdout_digest, rows=found.rows, worst=found.worst,
        off={part: found.reasons[part] for part in PARTS if part in found.reasons},
    )  # fmt: skip


def switch(
    subject: Subject, card: ModelCard, artifacts: Path, golden: Rows, inputs: pd.DataFrame | None, wanted: bool = True
) -> Fast:
    """The parts that may be used, after a comparison here and now.

    Parameters
    ----------
    golden
        Rows of the release's smoke test, as the contract reads them.
    inputs
        Their features where these look back, else None. Compared are rows mixed of the golden ones, value by value.
    wanted
        Whether anything but frames may be used at all; requests share a frame in any case.
    """
    import pandas as pd

    written, reason = _read(artifacts / RECORD, card)
    if written is None or not golden:
        return never(reason or "the release has no golden rows")
    if inputs is None:
        rows = mixed(golden, subject.contract, MIXED)
        found = judge(subject, rows, subject.inputs(subject.contract.frame(rows), None))
    else:
        columns = enumerate(inputs.columns)
        found = judge(
            subject, None,
            pd.DataFrame({n: inputs[n].sample(MIXED, replace=True, random_state=i).array for i, n in columns}),
        )  # fmt: skip
    for part, why in written.off.items():
        found.off(part, why)
    for part in () if wanted else PARTS[:3]:
        found.off(part, "serving.fast is off")
    return _said(found)


def never(reason: str) -> Fast:
    """Nothing but frames."""
    found = Fast()
    for part in PARTS:
        found.off(part, reason)
    return _said(found)


def _read(path: Path, card: ModelCard) -> tuple[Agreement | None, str]:
    try:
        written = Agreement.model_validate_json(path.read_bytes())
    except OSError:
        return None, f"the release has no {RECORD}"
    except ValidationError:
        return None, f"{RECORD} is not a record of agreement"
    if (written.model_digest, written.holdout_digest) != (card.digest, card.holdout_digest):
        return None, f"{RECORD} tells of another model"
    if not written.worst <= TOLERANCE or written.rows < 1:
        return None, f"{RECORD} tells of no agreement"
    return written, ""


def _said(found: Fast) -> Fast:
    for part in PARTS:
        reason = found.reasons.get(part, "")
        counters().fast.labels(part, reason).set(0 if reason else 1)
        if reason:
            log.warning("fast path, %s: off, %s", part, reason)
        else:
            log.info("fast path, %s: on, it agreed on %d rows", part, found.rows)
    return found
