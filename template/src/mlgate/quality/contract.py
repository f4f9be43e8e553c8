"""The contract in `model.schema`, row by row, and the file that the snapshot comes from."""

from __future__ import annotations

import warnings

import pandas as pd

from mlgate.quality.context import Context, skipped, verdict
from mlgate.report import Check
from mlgate.table.roles import columns

KEPT_BACK = ("pii", "sensitive", "identifier", "cluster")
SHOWN = 5  # failing cells a check names; the number of all of them is said


def source(frame: pd.DataFrame, context: Context) -> Check:
    """The snapshot is a plain file: a symlink could make DVC read or write anywhere."""
    title = "The snapshot is a plain file in the repository"
    if context.source is None:
        return skipped("source", title, "this frame has no file")
    links = [path for path in (context.source, context.source.parent) if path.is_symlink()]
    evidence = f"{links[0].name} is a symlink" if links else "a plain file"
    return verdict("source", title, bool(links), evidence, "replace the symlink by the file: `mlgate ingest`")


def schema(frame: pd.DataFrame, context: Context) -> Check:
    """Every cell keeps the contract; what does not is named by column, row and value."""
    from pandera.errors import SchemaError, SchemaErrors

    title = "Every row keeps the contract in src/model/schema.py"
    mend = "mend the rows at their source, or change the contract in src/model/schema.py"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.contract.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        hidden = columns(context.contract).of(*KEPT_BACK)
        shown = "; ".join(_case(case, hidden) for case in cases.head(SHOWN).to_dict("records"))
        return verdict("schema", title, True, f"{len(cases):,} failures: {shown}", mend, float(len(cases)), 0.0)
    except SchemaError as error:
        return verdict("schema", title, True, str(error).splitlines()[0][:300], mend)
    return verdict("schema", title, False, f"{len(frame):,} rows keep it", mend, 0.0, 0.0)


def _case(case: dict[str, object], hidden: tuple[str, ...]) -> str:
    """`amount row 17: -3.0 (greater_than(0))` from one line of pandera's failures; of a column that names or describes
    a person, the row alone: reports are posted on pull requests."""
    value, check, column = case.get("failure_case"), case.get("check"), case.get("column")
    index = case.get("index")
    where = "" if index is None or pd.isna(index) else f" row {index}"  # type: ignore[call-overload]
    name = column if isinstance(column, str) else "table"
    said = "a value that is kept back" if name in hidden else repr(str(value)[:40])
    return f"{name}{where}: {said} ({str(check)[:60]})"
