"""Column names that are safe everywhere: in Python, pandera, pydantic, JSON requests, metrics and file names."""

from __future__ import annotations

import functools
import keyword
import re
import unicodedata
from collections.abc import Iterable

LONGEST = 60


def safe_names(names: Iterable[str], target: str) -> dict[str, str]:
    """Name in the file -> name here, all different; a name that is safe already stays as it is.

    Letters lose their accents, everything else that isn't a letter, digit or underscore becomes one underscore, a
    leading digit gets `c_` before it, and a Python keyword or a name that pandera or pydantic own gets `_` after it.
    """
    made: dict[str, str] = {}
    taken: set[str] = set()
    ordered = sorted(enumerate(names, start=1), key=lambda pair: pair[1] != target)  # the target keeps its name
    for number, name in ordered:
        base = candidate = safe_name(name) or f"column_{number}"
        count = 2
        while candidate.casefold() in taken:
            candidate, count = f"{base}_{count}", count + 1
        taken.add(candidate.casefold())
        made[name] = candidate
    return made


def safe_name(name: str) -> str:
    """One name made safe; empty where nothing of it is left (a name in Chinese, or of punctuation)."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    word = re.sub(r"[^A-Za-z0-9_]+", "_", "".join(c for c in plain if not unicodedata.combining(c))).strip("_")
    word = re.sub(r"__+", "_", word)[:LONGEST].strip("_")
    if not word:
        return ""
    if word[0].isdigit():
        word = f"c_{word}"
    return f"{word}_" if keyword.iskeyword(word) or keyword.issoftkeyword(word) or word in _owned() else word


@functools.cache
def _owned() -> frozenset[str]:
    """Attributes of the classes that the contract is made of, and names that answers and code use."""
    import pandera.pandas as pa
    from pydantic import BaseModel

    ours = {"rows", "history", "params", "pd", "np", "pa", "Inputs", "Labelled", "Predictions", "OWNER", "Config"}
    return frozenset({*dir(pa.DataFrameModel), *dir(BaseModel), *ours, "score", "prediction", "label", "scores"})
