"""Typed request rows, derived from the data contract `Inputs`: one list of columns for files and for requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from mlgate.serving import strict_json
from mlgate.serving.row_types import ColumnType, column_type, series

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

SHOWN = 20  # problems named in one answer


class RequestError(Exception):
    """A request that breaks the contract: HTTP status, one sentence, and each problem with its place."""

    def __init__(self, status: int, error: str, detail: list[dict[str, Any]] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.detail = status, error, detail or []

    def body(self) -> dict[str, Any]:
        return {"error": self.error, "detail": self.detail}


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
        self._columns = [column_type(str(name), column) for name, column in inputs.columns.items()]
        self._names = tuple(column.name for column in self._columns)
        self._on_frame = bool(inputs.checks) or any(column.unmapped for column in self._columns)
        self._unique = [str(name) for name, column in inputs.columns.items() if column.unique]
        fields = {f"c{i}": (c.annotation, ... if c.required else None) for i, c in enumerate(self._columns)}
        aliases = {f"c{i}": column.name for i, column in enumerate(self._columns)}
        config = ConfigDict(extra="forbid", alias_generator=aliases.__getitem__, title="Row")
        self.row: type[BaseModel] = create_model("Row", __config__=config, **cast(Any, fields))
        rows = (list[self.row], Field(min_length=1, max_length=max_rows))  # type: ignore[name-defined]
        self.request = create_model("Request", __config__=ConfigDict(extra="forbid"), rows=cast(Any, rows))

    @property
    def columns(self) -> tuple[ColumnType, ...]:
        return tuple(self._columns)

    @property
    def on_frame(self) -> bool:
        """Whether a check has no equal in pydantic, so that only a frame can be judged."""
        return self._on_frame

    def parse(self, content: bytes) -> pd.DataFrame:
        """The frame of a request body, in the contract's columns and dtypes; raises what `read` raises."""
        return self.checked(self.frame(self.read(content)))

    def read(self, content: bytes) -> list[dict[str, Any]]:
        """The rows of a request body, column to value, judged by all but the checks that need a frame.

        Raises
        ------
        RequestError
            400 where the body is not JSON, 422 where a row breaks the contract; each problem names row and field.
        """
        try:
            body = strict_json.read(content)
        except strict_json.JsonError as error:
            raise RequestError(400, "the body is not JSON", [{"loc": [], "msg": str(error)}]) from error
        _refuse_repeated(body)
        try:
            rows = cast(Any, self.request.model_validate(body)).rows
        except ValidationError as error:
            raise _refusal(error) from error
        made = [dict(zip(self._names, row.__dict__.values(), strict=True)) for row in rows]
        for name in self._unique if len(made) > 1 else ():
            self._refuse_twice(name, made)
        return made

    def frame(self, rows: list[dict[str, Any]]) -> pd.DataFrame:
        """Rows as `read` gives them, as a frame in the contract's dtypes."""
        import pandas as pd

        return pd.DataFrame({c.name: series([row[c.name] for row in rows], c) for c in self._columns})

    @staticmethod
    def _refuse_twice(name: str, rows: list[dict[str, Any]]) -> None:
        seen: set[Any] = set()
        detail: list[dict[str, Any]] = []
        for i, row in enumerate(rows):
            if row[name] in seen and len(detail) < SHOWN:
                detail.append({"loc": ["rows", i, name], "msg": "Value occurs twice"})
            seen.add(row[name])
        if detail:
            raise RequestError(422, "the rows break the contract", detail)

    def checked(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame, judged by the checks that need one; RequestError as in `read`."""
        import pandera.pandas as pa

        if not self._on_frame:
            return frame
        try:
            return self._schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            cases = error.failure_cases.head(SHOWN).itertuples()
            detail = [{"loc": _place(case), "msg": f"Check {case.check} failed"} for case in cases]
            raise RequestError(422, "the rows break the contract", detail) from error


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
        raise RequestError(422, "the rows break the contract", detail[:SHOWN])


def _refusal(error: ValidationError) -> RequestError:
    problems = error.errors(include_url=False, include_context=False, include_input=False)[:SHOWN]
    detail = [{"loc": [_short(part) for part in p["loc"]], "msg": p["msg"]} for p in problems]
    return RequestError(422, "the rows break the contract", detail)


def _short(part: str | int) -> str | int:
    return part if isinstance(part, int) else part[:100].encode("utf-8", "replace").decode()
