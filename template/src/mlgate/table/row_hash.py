"""Hashes of rows that any machine, library version and column type agree on: 1, 1.0 and True are one number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Hashes = npt.NDArray[np.uint64]

_MISSING = np.uint64(0x9E3779B97F4A7C15)
_EXACT = 2.0**53  # whole numbers up to here are the same number as float and as integer


def hash_columns(frame: pd.DataFrame, names: Sequence[str]) -> Hashes:
    """One hash a row over the named columns, in that order; shape (n,)."""
    total = np.full(len(frame), np.uint64(len(names)), dtype=np.uint64)
    for name in names:
        total = mix(total ^ hash_values(_plain(frame[name])))
    return total


def hash_values(values: npt.NDArray[Any]) -> Hashes:
    """One hash a value; shape (n,). Missing values of every kind share one."""
    if values.dtype.kind in "iu":
        return mix(values.astype(np.uint64))
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (np.abs(values) < _EXACT) & (values == np.floor(values))
        bits = np.where(whole, 0.5, values).astype(np.float64).view(np.uint64)
        integers = np.where(whole, values, 0).astype(np.int64).view(np.uint64)
        return np.where(np.isnan(values), _MISSING, mix(np.where(whole, integers, bits)))
    codes, distinct = pd.factorize(values)
    table = np.array([_of_text(str(value)) for value in distinct] + [_MISSING], dtype=np.uint64)
    return table[codes]  # a missing value has code -1, the last entry


def mix(values: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): each input bit moves about half of the output's."""
    mixed = values + _MISSING
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def numbered(hashes: Hashes, ties: Hashes) -> Hashes:
    """The same hashes, but the second, third … row that shares one gets a new one, in the order of `ties`."""
    order = np.lexsort((ties, hashes))
    ordered = hashes[order]
    place = np.arange(len(ordered))
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, dtype=bool)
    occurrence = (place - np.maximum.accumulate(np.where(first, place, 0))).astype(np.uint64)
    result = np.empty_like(hashes)
    result[order] = np.where(occurrence == 0, ordered, mix(ordered ^ occurrence))
    return result


def _plain(column: pd.Series[Any]) -> npt.NDArray[Any]:
    """Integers for times (microseconds), integers and booleans; floats for numbers with gaps; objects for the rest."""
    kind = column.dtype
    if pd.api.types.is_datetime64_any_dtype(kind):
        zoneless = column.dt.tz_convert(None) if isinstance(kind, pd.DatetimeTZDtype) else column
        values = zoneless.to_numpy().astype("datetime64[us]").view(np.int64)
        return np.where(column.isna(), np.nan, values) if column.isna().any() else values
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_numeric_dtype(kind):
        if column.isna().any() or pd.api.types.is_float_dtype(kind):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return column.to_numpy(dtype=np.uint64 if str(kind).lower() == "uint64" else np.int64)
    return np.asarray(column.to_numpy(dtype=object))


def _of_text(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
