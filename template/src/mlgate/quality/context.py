"""What a data check may know besides the frame: parameters, contract, features, and the day it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from mlgate.params import Params
from mlgate.report import Check, Status
from mlgate.table.split import Split, split


@dataclass
class Context:
    """Given to every check. `contract` is `model.schema.Labelled`, `features` is `model.features.features`.

    Times are UTC without zone, as in the data. `source` is the snapshot's path, None for a frame that has no file.
    """

    params: Params
    contract: Any
    features: Callable[[pd.DataFrame, pd.DataFrame | None], pd.DataFrame]
    source: Path | None = None
    cut: Callable[[pd.DataFrame, Params], Split] = split
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    _inputs: tuple[int, pd.DataFrame] | None = None

    def inputs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The model's inputs for `frame`, computed once."""
        if self._inputs is None or self._inputs[0] != id(frame):
            self._inputs = (id(frame), self.features(frame, None))
        return self._inputs[1]


def verdict(
    name: str,
    title: str,
    bad: bool,
    evidence: str,
    mend: str,
    observed: float | None = None,
    threshold: float | None = None,
    unit: str = "",
) -> Check:
    """A check that fails where `bad`; its mend is shown only then."""
    status: Status = "fail" if bad else "pass"
    return Check(
        id=name,
        title=title,
        status=status,
        evidence=evidence,
        mend=mend if bad else "",
        observed=observed,
        threshold=threshold,
        unit=unit,
    )


def skipped(name: str, title: str, why: str) -> Check:
    return Check(id=name, title=title, status="skip", evidence=why)
