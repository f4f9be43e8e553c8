"""From a column of the data contract to a type that a request's field must have, and back to a column."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import AfterValidator, AllowInfNan, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

from mlgate.errors import ConfigError
from mlgate.serving.published import YEARS, Documented, Whole

if TYPE_CHECKING:
    import pandera.pandas as pa

# Control characters but tab and newlines, surrogates, and the marks that reorder text on a screen
_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

FIRST, LAST = datetime(1677, 9, 22), datetime(2262, 4, 11)  # what a column in nanoseconds can hold


def normal_text(text: str) -> str:
    """Text in normal form C, so that one word has one spelling; ValueError where it has characters no text needs."""
    if found := _REFUSED.search(text):
        raise PydanticCustomError("text", "Character U+{code} is not allowed", {"code": f"{ord(found[0]):04X}"})
    return unicodedata.normalize("NFC", text)


def _moment(value: object) -> datetime:
    """A moment from ISO text; one with a zone is converted, so that all are UTC without zone."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("moment", "Input should be a date and time in ISO 8601, such as 2026-01-31T12:00:00")


@dataclass
class ColumnType:
    """What one field of a request must be; `unmapped` where a check has no equal in pydantic."""

    name: str
    dtype: Any
    annotation: Any
    required: bool
    unmapped: bool = False
    nullable: bool = False


def column_type(name: str, column: pa.Column) -> ColumnType:
    """The pydantic type of a pandera column: dtype, nullability and those checks that both know."""
    import numpy as np

    dtype = column.dtype.type if column.dtype is not None else np.dtype(object)
    kind = _kind(dtype)
    extras: list[Any] = []
    unmapped = False
    for check in column.checks:
        made = _constraints(check, kind)
        unmapped |= made is None
        extras += made or []
    base = _base(str(name), dtype, kind)
    base = Annotated[(base, *extras, *([Whole()] if kind == "i" else []))] if extras or kind == "i" else base
    annotation = base | None if column.nullable else base
    description = Field(description=column.description or column.title)
    return ColumnType(
        str(name), dtype, Annotated[annotation, description], column.required, unmapped, bool(column.nullable)
    )


def _kind(dtype: Any) -> str:
    import pandas as pd

    kind = getattr(dtype, "kind", "O")
    return "category" if isinstance(dtype, pd.CategoricalDtype) else {"u": "i", "U": "O"}.get(kind, kind)


def _base(name: str, dtype: Any, kind: str) -> Any:
    import numpy as np

    plain = np.dtype(getattr(dtype, "numpy_dtype", dtype)) if kind in "if" else None
    if kind == "i" and plain is not None:
        limits = np.iinfo(plain)
        return Annotated[int, Ge(int(limits.min)), Le(int(limits.max))]
    if kind == "f" and plain is not None:
        number = Annotated[float, Strict(), AllowInfNan(False)]
        highest = float(np.finfo(plain).max)
        return number if plain.itemsize == 8 else Annotated[number, Ge(-highest), Le(highest)]
    if kind == "b":
        return Annotated[bool, Strict()]
    if kind == "M":
        moment = Annotated[datetime, BeforeValidator(_moment)]
        return Annotated[moment, Ge(FIRST), Le(LAST), YEARS] if np.datetime_data(dtype)[0] == "ns" else moment
    if kind == "category":
        return Annotated[str, Strict(), AfterValidator(normal_text), _among([*dtype.categories])]
    if kind == "O":
        return Annotated[str, Strict(), AfterValidator(normal_text)]
    raise ConfigError(f"column {name} has dtype {dtype}, which no request can carry", "use a plain type in schema.py")


def _constraints(check: pa.Check, kind: str) -> list[Any] | None:
    """A pandera check in pydantic's words; None where it has none."""
    known = {key: _plain(value) for key, value in (check.statistics or {}).items()}
    match check.name:
        case "greater_than_or_equal_to":
            return [Ge(known["min_value"])]
        case "greater_than":
            return [Gt(known["min_value"])]
        case "less_than_or_equal_to":
            return [Le(known["max_value"])]
        case "less_than":
            return [Lt(known["max_value"])]
        case "in_range":
            lower = (Ge if known["include_min"] else Gt)(known["min_value"])
            return [lower, (Le if known["include_max"] else Lt)(known["max_value"])]
        case "isin":
            return [_among([_plain(value) for value in known["allowed_values"]])]
        case "str_matches" if kind == "O":
            return [_matching(known["pattern"])]
        case "str_length" if kind == "O":
            low, high = known["min_value"], known["max_value"]
            low, high = (known["exact_value"],) * 2 if known.get("exact_value") is not None else (low, high)
            return [*([MinLen(low)] if low else []), *([MaxLen(high)] if high is not None else [])]
    return None


def _plain(value: Any) -> Any:
    value = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    return value.item() if hasattr(value, "item") else value


def _among(allowed: list[Any]) -> Any:
    known, shown = frozenset(allowed), ", ".join(map(repr, allowed[:10])) + (" …" if len(allowed) > 10 else "")

    def check(value: Any) -> Any:
        if value not in known:
            raise PydanticCustomError("among", "Input should be one of {shown}", {"shown": shown})
        return value

    return Documented({"enum": [v for v in allowed if not isinstance(v, datetime)]}, AfterValidator(check))


def _matching(pattern: Any) -> Any:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.match(value):
            raise PydanticCustomError("matching", "Input should match {pattern}", {"pattern": compiled.pattern})
        return value

    return Documented({"pattern": f"^(?:{compiled.pattern})"}, AfterValidator(check))


def series(values: list[Any], column: ColumnType) -> Any:
    import numpy as np
    import pandas as pd

    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "ifb":
        return np.array([np.nan if value is None else value for value in values], dtype=column.dtype)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        return np.array(values, dtype="datetime64[us]").astype(column.dtype)
    return pd.Series(values, dtype=column.dtype)
