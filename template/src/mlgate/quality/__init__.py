"""The data checks: each a pure function from a frame to a verdict, in one table, so that `prove` can try them all."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from mlgate.errors import MlgateError
from mlgate.quality import columns, contract, learning, rows
from mlgate.quality.context import Context
from mlgate.report import Check

CheckFunction = Callable[[pd.DataFrame, Context], Check]

CHECKS: dict[str, CheckFunction] = {
    "source": contract.source,
    "columns": columns.columns,
    "rows": rows.rows,
    "schema": contract.schema,
    "nulls": columns.nulls,
    "finite": columns.finite,
    "duplicates": rows.duplicates,
    "keys": rows.keys,
    "freshness": rows.freshness,
    "target": learning.target,
    "personal-data": learning.personal_data,
    "leakage": learning.leakage,
    "split-overlap": learning.split_overlap,
    "holdout-size": learning.holdout_size,
}


def judge(frame: pd.DataFrame, context: Context) -> list[Check]:
    """All checks on a snapshot. One that can't run is an `error` with the reason, and never stops the others."""
    return [judge_one(name, frame, context) for name in CHECKS]


def judge_one(name: str, frame: pd.DataFrame, context: Context) -> Check:
    """One check by its id."""
    try:
        return CHECKS[name](frame, context)
    except MlgateError as error:
        return Check(id=name, title=name, status="error", evidence=str(error), mend=error.mend)
    except Exception as error:  # features and contract are the user's code; broken data reaches every line
        words = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return Check(id=name, title=name, status="error", evidence=words, mend="mend the checks above first")


__all__ = ["CHECKS", "CheckFunction", "Context", "judge", "judge_one"]
