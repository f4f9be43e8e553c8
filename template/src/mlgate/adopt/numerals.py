"""How a column writes its numbers: decimal mark, thousands, unit; found once, and kept as an example in the code.

`1.234` is twelve hundred in a German table and one and a bit in an English one. Which of the two is told by the other
cells of the column and by the file's decimal mark, when a table is adopted; rows that come later are held to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

MARKS = {  # an example -> between thousands, before decimals
    "1,234.5": (",", "."),
    "1.234,5": (".", ","),
    "1 234,5": (" ", ","),
    "1 234.5": (" ", "."),
    "1'234.5": ("'", "."),
    "1'234,5": ("'", ","),
    "1.5": ("", "."),
}
_UNIT = r"[€$£¥%]|EUR|USD|GBP|CHF"
_ALIKE = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'", "\u2212": "-"})
MANY = 50  # numbers such as 1.234, by chance all of three decimals in one column of two hundred
_MOST = 0.9  # of a column's cells; the others are mistakes, to be named


def form_of(words: pd.Series[Any], decimal: str) -> str:
    """An example of how the column's numbers are written, `1.234,5€`; empty where the file's decimal mark says it all.

    Parameters
    ----------
    words
        Text, no value missing.
    decimal
        The file's own mark; empty where no cell tells.
    """
    plain = float(pd.to_numeric(words.str.replace(decimal or ".", ".", regex=False), errors="coerce").notna().mean())
    if plain == 1:
        thousands = decimal != "." and _in_doubt(words) and (decimal == "," or _short_beside(words))
        return "1.234,5" if thousands else ""
    bare, unit = _without_unit(words)
    shares = {form: float(bare.str.fullmatch(_pattern(form)).mean()) for form in MARKS}
    best = max(shares, key=lambda form: shares[form])
    return best + unit if shares[best] > max(plain, _MOST) else ""


def grouped(words: pd.Series[Any]) -> pd.Series[Any]:
    """bool (n,): where points part a number into groups of three, as in 1.234 or 1.234.567,8."""
    return words.str.fullmatch(rf"[-+]?{_groups('.')}(?:,\d*)?").fillna(False).astype(bool)


def all_grouped(words: pd.Series[Any]) -> bool:
    """Whether all are numbers with points between thousands, one of them with several."""
    several = words.str.count(r"\.") > 1
    return bool(several.any() and (grouped(words) | words.str.fullmatch(r"[-+]?\d{1,3}(?:,\d*)?")).all())


def _in_doubt(words: pd.Series[Any]) -> bool:
    points = words.str.contains(".", regex=False)
    return bool(points.any() and grouped(words)[points].all())


def _short_beside(words: pd.Series[Any]) -> bool:
    """Whether numbers below a thousand stand without a point beside many such as 1.234: were these decimals, one in ten
    would end in a zero that is seldom written, and be shorter."""
    points = words.str.contains(".", regex=False)
    return bool(points.sum() >= MANY and (~points).any() and words[~points].str.fullmatch(r"[-+]?\d{1,3}").all())


def doubts(columns: Iterable[tuple[str, str, pd.Series[Any]]]) -> list[str]:
    """A sentence where 1.234 may be either and the file does not tell: (name, form, cells)."""
    read: dict[bool, list[str]] = {False: [], True: []}
    for name, form, cells in columns:
        if pd.api.types.is_string_dtype(cells) and _in_doubt(cells.dropna().str.strip()):
            read[bool(form)].append(name)
    said = {
        False: "as a decimal; if it is 1234, give --decimal ,",
        True: "as 1234; if it is a decimal, give --decimal .",
    }
    return [
        f"no cell tells whether 1.234 is a decimal or 1234: {', '.join(names[:5])} read {said[thousands]}"
        for thousands, names in read.items()
        if names
    ]


def read(words: pd.Series[Any], form: str) -> pd.Series[Any]:
    """float64 (n,); NaN where a cell is missing or not written as `form`."""
    example = next(mark for mark in MARKS if form.startswith(mark))
    thousands, decimal = MARKS[example]
    bare = words.str.translate(_ALIKE)
    if unit := form.removeprefix(example):
        bare = bare.str.replace(unit, "", n=1, regex=False).str.strip()
    bare = bare.where(bare.str.fullmatch(_pattern(example)).fillna(False).astype(bool))
    if thousands:
        bare = bare.str.replace(thousands, "", regex=False)
    return pd.to_numeric(bare.str.replace(decimal, ".", regex=False), errors="coerce").astype("float64")


def said(forms: Iterable[tuple[str, str]]) -> list[str]:
    """A sentence that names each column whose numbers are written in another way than the file's: (name, form)."""
    named = [f"{name} as {form}" for name, form in forms]
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    return [f"numbers are read with their thousands and units: {', '.join(named[:5])}{more}"] if named else []


def mostly(columns: Iterable[tuple[str, pd.Series[Any]]]) -> list[str]:
    """A sentence for each column of words more than half of whose cells are numbers: (name, cells)."""
    notes = []
    for name, cells in columns:
        words = cells.dropna().astype("str").str.strip()
        number = pd.to_numeric(words.str.replace(",", ".", regex=False), errors="coerce").notna()
        others = words[~number].value_counts()
        if number.mean() > 0.5 and len(others):
            said = ", ".join(map(repr, others.index[:3])) if others.iloc[0] > 1 else f"{len(others):,} other values"
            notes.append(
                f"{name} is taken as words because of {said}, though {number.mean():.0%} are numbers: where these mean"
                " that nothing is known, leave the cells empty and adopt again"
            )
    return notes


def _without_unit(words: pd.Series[Any]) -> tuple[pd.Series[Any], str]:
    """The cells without the one unit that they share; as they are where there are several."""
    words = words.str.translate(_ALIKE)
    pattern = rf"^(?P<sign>[-+]?)(?P<before>{_UNIT})?\s*(?P<bare>.*?)\s*(?P<after>{_UNIT})?$"
    parts = words.str.extract(pattern).fillna("")
    units = {unit for unit in (*parts["before"].unique(), *parts["after"].unique()) if unit}
    if len(units) != 1:
        return words, ""
    return parts["sign"] + parts["bare"], units.pop()


def _pattern(form: str) -> str:
    thousands, decimal = MARKS[form]
    whole = rf"(?:{_groups(thousands)}|\d+)" if thousands else r"\d+"
    mark = re.escape(decimal)
    return rf"[-+]?(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][-+]?\d+)?"


def _groups(thousands: str) -> str:
    return rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+"
