"""JSON as a contract needs it: no duplicate keys, no NaN, no number that silently became another."""

from __future__ import annotations

import json
from typing import Any

BEYOND = 10**30  # stands for an integer of any greater length: no contract accepts either
DIGITS = 30


class JsonError(ValueError):
    """The text is not one JSON value; the message says where it stops being one."""


class Repeated(dict[str, Any]):
    """An object in which `key` occurs twice; whoever knows its place in the document refuses it."""

    key: str = ""


def read(content: bytes) -> Any:
    """Read one JSON value from UTF-8 bytes.

    Objects with a duplicate key come back as `Repeated`; NaN, Infinity and numbers beyond float64 come back as NaN or
    infinity, and integers of over 30 digits as `BEYOND`, so that the reader's contract can refuse them by field.

    Raises
    ------
    JsonError
        If the bytes are not UTF-8, not JSON, or nested too deeply.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise JsonError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    repeated = Repeated(value)
    seen: set[str] = set()
    repeated.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return repeated


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= DIGITS else BEYOND
