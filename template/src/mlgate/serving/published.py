"""What a request's values must be where pydantic has no type for it, and how the published JSON Schema says so."""

from __future__ import annotations

from typing import Any

from pydantic import AfterValidator
from pydantic_core import core_schema as core

EXACT = 2.0**53  # up to it a float is the integer that was written


class Documented:
    """Words for the JSON Schema, and the validator of ours that they tell of, if there is one."""

    def __init__(self, words: dict[str, Any], validator: AfterValidator | None = None) -> None:
        self._words, self._validator = words, validator

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return self._validator.__get_pydantic_core_schema__(source, handler) if self._validator else handler(source)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return {**handler(schema), **self._words}


# The whole years that nanoseconds can hold, as JSON Schema has no word for a first moment
YEARS = Documented({"pattern": "^(16(7[89]|[89][0-9])|1[7-9][0-9]{2}|2([01][0-9]{2}|2([0-5][0-9]|6[01])))-"})


class Whole:
    """An integer, also where it is written as 7.0 or 7e0: to JSON Schema they are the same number.

    Not from 2^53 on, where a float may be the neighbour of what was written. No step of this is run by Python.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        kinds: list[Any] = [core.int_schema(strict=True), core.float_schema(strict=True, gt=-EXACT, lt=EXACT)]
        words = "Input should be an integer; from 2^53 on, without point and exponent"
        either = core.union_schema(kinds, mode="left_to_right", custom_error_type="whole", custom_error_message=words)
        return core.chain_schema([either, handler(source)])

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return handler(schema["steps"][-1])
