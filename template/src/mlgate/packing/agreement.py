"""The fast path against the pipeline on the holdout, written into the release that may then use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from mlgate.packing.release import ModelCard
from mlgate.params import Params
from mlgate.serving.answers import of_frame
from mlgate.serving.fast.agreement import Fast, Rows, Subject, judge
from mlgate.serving.fast.switch import never, record
from mlgate.serving.rows import Contract, RequestError
from mlgate.table.split import split

MOST = 20_000  # rows of the holdout; of more, so many at random


def write(path: Path, params: Params, card: ModelCard, model: Any, frame: pd.DataFrame) -> None:
    """Compare on the holdout of `frame` and write `fast.json`: that it agreed, or why not."""
    import model.features as code
    from model.schema import Inputs

    subject = Subject(Contract(Inputs.to_schema(), MOST), model, card.task, code)
    path.write_text(record(card, compared(subject, params, frame)).model_dump_json(indent=2) + "\n", encoding="utf-8")


def compared(subject: Subject, params: Params, frame: pd.DataFrame) -> Fast:
    """What agreed on the holdout, as requests would bring it; where features look back, on the features of it."""
    holdout = split(frame, params).holdout
    if subject.code.HISTORY is not None:
        inputs = subject.inputs(frame, None)[holdout]
        return judge(subject, None, inputs.sample(min(MOST, len(inputs)), random_state=0))
    chosen = frame[holdout]
    try:
        rows = sent(subject.contract, chosen.sample(min(MOST, len(chosen)), random_state=0))
    except RequestError as refused:
        return never(f"the holdout has a row that no request may bring: {refused.detail[0]['msg']}")
    return judge(subject, rows, subject.inputs(subject.contract.frame(rows), None))


def sent(contract: Contract, frame: pd.DataFrame) -> Rows:
    """Rows of a frame as they are after a client has sent them."""
    columns = [column.name for column in contract.columns]
    rows = [dict(zip(columns, map(as_json, values), strict=True)) for values in of_frame(frame, columns)]
    return contract.read(json.dumps({"rows": rows}).encode())


def as_json(value: Any) -> Any:
    """A value of a frame as a request has it."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
