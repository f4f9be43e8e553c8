"""Columns that name a person or a row: they can't teach a model anything that holds for the next one."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

_NAMES = re.compile(
    r"(^|_)(e_?mails?|mail|phone|mobile|telephone|tel|fax|ssn|social_security|iban|passport|credit_card|card_number|"
    r"first_?name|last_?name|full_?name|sur_?name|given_?name|family_?name|maiden_?name|user_?name|customer_name|"
    r"address|street|birth_?date|birthday|date_of_birth|dob|ip|ip_address|licen[cs]e_plate)(_|$)|^name$"
)
_ID = re.compile(
    r"(^|_)(id|uuid|guid|key|identifier|no|nr)$|^(id|uuid|guid)(_|$)|^(index|row|row_?number|unnamed_\d+)$"
)
_EMAIL = r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"
_PHONE = r"\+\d[\d ()/-]{7,18}|\(?\d{2,5}\)?[ /-]\d{3,4}[ -]?\d{2,8}"


def words_of(name: str) -> str:
    """`CustomerID` and `customer id` as `customer_id`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", parted.casefold()).strip("_")


def why(name: str, cells: pd.Series[Any]) -> str:
    """Why a column looks like personal data; empty if it doesn't."""
    if _NAMES.search(words_of(name)):
        return "its name says so"
    if not pd.api.types.is_string_dtype(cells):
        return ""
    words = cells.dropna().astype("str").head(1_000)
    for what, pattern in (("e-mail addresses", _EMAIL), ("phone numbers", _PHONE)):
        if len(words) and words.str.strip().str.fullmatch(pattern).mean() > 0.5:
            return f"its values look like {what}"
    return ""


def identifies(name: str, values: pd.Series[Any]) -> str:
    """Why a column identifies rows or what they belong to; empty if it doesn't."""
    unique = values.nunique() == len(values)
    if _ID.search(words_of(name)) and (unique or _holds_codes(values)):
        if unique:
            return f"identifier: every row has its own value (`--id {name}` makes it the row's identifier)"
        return f"identifier that repeats (`--cluster {name}` says that rows which share it are dependent)"
    if unique and pd.api.types.is_numeric_dtype(values) and len(values) > 1:
        steps = values.diff().iloc[1:]
        if (steps == 1).all() and values.iloc[0] in (0, 1):
            return "a row number"
    return ""


def _holds_codes(values: pd.Series[Any]) -> bool:
    """Whole numbers or short words, as identifiers are; not the measurements of a column that is called `no`."""
    if pd.api.types.is_numeric_dtype(values):
        return bool((values % 1 == 0).all()) and values.nunique() > 20
    return int(values.nunique()) > 20
