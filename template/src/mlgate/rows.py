"""Typed request rows, derived from the data contract `Inputs`: one list of columns for files and for requests."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import AfterValidator, AllowInfNan, BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic import ValidationError, create_model
from pydantic_core import PydanticCustomError

from mlgate import strict_json
from mlgate.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

SHOWN = 20  # problems named in one answer
# Control characters but tab and newlines, surrogates, and the marks that reorder text on a screen
_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class Refused(Exception):
    """A request that breaks the contract: HTTP status, one sentence, and each problem with its place."""

    def __init__(self, status: int, error: str, detail: list[dict[str, Any]] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.detail = status, error, detail or []

    def body(self) -> dict[str, Any]:
        return {"error": self.error, "detail": self.detail}


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
class _Column:
    name: str
    dtype: Any
    annotation: Any
    required: bool
    unmapped: bool = False
    absent: Any = field(default=None)


class Contract:
    """The rows of a request: what they must be (`parse`) and the frame that they become (`frame`).

    Parameters
    ----------
    inputs
        pandera schema of the raw columns. Checks that have no equal in pydantic are run on the frame.
    max_rows
        Of one request.
    """

    def __init__(self, inputs: pa.DataFrameSchema, max_rows: int) -> None:
        self._schema = inputs
        self._columns = [_column(name, column) for name, column in inputs.columns.items()]
        self._on_frame = bool(inputs.checks) or any(column.unmapped for column in self._columns)
        self._unique = [str(name) for name, column in inputs.columns.items() if column.unique]
        fields = {f"c{i}": (c.annotation, ... if c.required else None) for i, c in enumerate(self._columns)}
        aliases = {f"c{i}": column.name for i, column in enumerate(self._columns)}
        config = ConfigDict(extra="forbid", alias_generator=aliases.__getitem__, title="Row")
        self.row: type[BaseModel] = create_model("Row", __config__=config, **cast(Any, fields))
        rows = (list[self.row], Field(min_length=1, max_length=max_rows))  # type: ignore[name-defined]
        self.request = create_model("Request", __config__=ConfigDict(extra="forbid"), rows=cast(Any, rows))

    def parse(self, content: bytes) -> pd.DataFrame:
        """The frame of a request body, in the contract's columns and dtypes.

        Raises
        ------
        Refused
            400 where the body is not JSON, 422 where a row breaks the contract; each problem names row and field.
        """
        try:
            body = strict_json.read(content)
        except strict_json.NotJson as error:
            raise Refused(400, "the body is not JSON", [{"loc": [], "msg": str(error)}]) from error
        _refuse_repeated(body)
        try:
            rows = cast(Any, self.request.model_validate(body)).rows
        except ValidationError as error:
            raise _refusal(error) from error
        return self._checked(self.frame([row.__dict__ for row in rows]))

    def frame(self, rows: list[dict[str, Any]]) -> pd.DataFrame:
        """Validated rows (by the row type's field names) as a frame in the contract's dtypes."""
        import pandas as pd

        return pd.DataFrame({c.name: _series([row[f"c{i}"] for row in rows], c) for i, c in enumerate(self._columns)})

    def _checked(self, frame: pd.DataFrame) -> pd.DataFrame:
        import pandera.pandas as pa

        for name in self._unique:
            if len(repeated := frame.index[frame[name].duplicated()]):
                detail = [{"loc": ["rows", int(i), name], "msg": "Value occurs twice"} for i in repeated[:SHOWN]]
                raise Refused(422, "the rows break the contract", detail)
        if not self._on_frame:
            return frame
        try:
            return cast("pd.DataFrame", self._schema.validate(frame, lazy=True))
        except pa.errors.SchemaErrors as error:
            cases = error.failure_cases.head(SHOWN).itertuples()
            detail = [{"loc": _place(case), "msg": f"Check {case.check} failed"} for case in cases]
            raise Refused(422, "the rows break the contract", detail) from error


def _place(case: Any) -> list[str | int]:
    column = [str(case.column)] if case.column is not None and case.schema_context == "Column" else []
    return ["rows", *([int(case.index)] if case.index == case.index and case.index is not None else []), *column]


def _refuse_repeated(body: Any) -> None:
    rows = body.get("rows") if isinstance(body, dict) else None
    places = [([], body), *((["rows", i], row) for i, row in enumerate(rows if isinstance(rows, list) else []))]
    detail = [
        {"loc": [*place, _short(value.key)], "msg": "Key occurs twice"}
        for place, value in places
        if isinstance(value, strict_json.Repeated)
    ]
    if detail:
        raise Refused(422, "the rows break the contract", detail[:SHOWN])


def _refusal(error: ValidationError) -> Refused:
    problems = error.errors(include_url=False, include_context=False, include_input=False)[:SHOWN]
    detail = [{"loc": [_short(part) for part in p["loc"]], "msg": p["msg"]} for p in problems]
    return Refused(422, "the rows break the contract", detail)


def _short(part: str | int) -> str | int:
    return part if isinstance(part, int) else part[:100].encode("utf-8", "replace").decode()


def _column(name: str, column: pa.Column) -> _Column:
    """The pydantic type of a pandera column: dtype, nullability and those checks that both know."""
    import numpy as np

    dtype = column.dtype.type if column.dtype is not None else np.dtype(object)
    kind = _kind(dtype)
    extras: list[Any] = []
    unmapped = False
    for check in column.checks:
        made = _constraints(check, kind) if check.statistics else None
        unmapped |= made is None
        extras += made or []
    base = _base(str(name), dtype, kind)
    base = Annotated[(base, *extras)] if extras else base
    annotation = base | None if column.nullable else base
    description = Field(description=column.description or column.title)
    return _Column(str(name), dtype, Annotated[annotation, description], column.required, unmapped)


def _kind(dtype: Any) -> str:
    import pandas as pd

    kind = getattr(dtype, "kind", "O")
    return "category" if isinstance(dtype, pd.CategoricalDtype) else {"u": "i", "U": "O"}.get(kind, kind)


def _base(name: str, dtype: Any, kind: str) -> Any:
    import numpy as np

    plain = np.dtype(getattr(dtype, "numpy_dtype", dtype)) if kind in "if" else None
    if kind == "i" and plain is not None:
        limits = np.iinfo(plain)
        return Annotated[int, Strict(), Ge(int(limits.min)), Le(int(limits.max))]
    if kind == "f" and plain is not None:
        highest = float(np.finfo(plain).max)
        return Annotated[float, Strict(), AllowInfNan(False), Ge(-highest), Le(highest)]
    if kind == "b":
        return Annotated[bool, Strict()]
    if kind == "M":
        return Annotated[datetime, BeforeValidator(_moment)]
    if kind == "category":
        return Annotated[str, Strict(), AfterValidator(normal_text), _among([*dtype.categories])]
    if kind == "O":
        return Annotated[str, Strict(), AfterValidator(normal_text)]
    raise ConfigError(f"column {name} has dtype {dtype}, which no request can carry", "use a plain type in schema.py")


def _constraints(check: pa.Check, kind: str) -> list[Any] | None:
    """A pandera check in pydantic's words; None where it has none."""
    known = {key: _plain(value) for key, value in check.statistics.items()}
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

    return _Documented(AfterValidator(check), {"enum": [v for v in allowed if not isinstance(v, datetime)]})


def _matching(pattern: Any) -> Any:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.match(value):
            raise PydanticCustomError("matching", "Input should match {pattern}", {"pattern": compiled.pattern})
        return value

    return _Documented(AfterValidator(check), {"pattern": f"^(?:{compiled.pattern})"})


class _Documented:
    """A validator of ours that the published JSON Schema shows as well."""

    def __init__(self, validator: AfterValidator, words: dict[str, Any]) -> None:
        self._validator, self._words = validator, words

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return self._validator.__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return {**handler(schema), **self._words}


def _series(values: list[Any], column: _Column) -> Any:
    import numpy as np
    import pandas as pd

    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "ifb":
        return np.array([np.nan if value is None else value for value in values], dtype=column.dtype)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        return np.array(values, dtype="datetime64[us]").astype(column.dtype)
    return pd.Series(values, dtype=column.dtype)
