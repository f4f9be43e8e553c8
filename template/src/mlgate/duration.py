"""Durations as people write them: `30m`, `6h`, `1d` or `2w`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text: object) -> timedelta:
    """`30m`, `6h`, `1d` or `2w` as a timedelta; ValueError otherwise."""
    if isinstance(text, timedelta):
        return text
    if isinstance(text, str) and (found := _DURATION.fullmatch(text)):
        return timedelta(seconds=int(found[1]) * UNITS[found[2]])
    raise ValueError("write a duration as a whole number and one of m, h, d, w: 30m, 6h, 1d, 2w")


def format_duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    unit = next(unit for unit in "wdhm" if seconds % UNITS[unit] == 0)
    return f"{seconds // UNITS[unit]}{unit}"


Duration = Annotated[timedelta, PlainValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
