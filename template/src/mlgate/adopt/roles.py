"""Which columns the caller named for which part, found under the file's names or ours."""

from __future__ import annotations

from typing import Any

from mlgate.adopt.columns import Wishes
from mlgate.adopt.names import safe_name
from mlgate.adopt.source import suggest
from mlgate.errors import ConfigError

OPTIONS = {"target": "--target", "time": "--time", "identifier": "--id", "cluster": "--cluster"}


def chosen(names: list[str], wishes: Wishes) -> dict[str, Any]:
    """Part -> name in the file (or None); `drop` -> tuple of names.

    Raises
    ------
    ConfigError
        If a column isn't there, with the closest names, or if two parts are given to one column.
    """
    given = {"target": wishes.target, "time": wishes.time, "identifier": wishes.id, "cluster": wishes.cluster}
    parts: dict[str, Any] = {part: _find(names, name, OPTIONS[part]) if name else None for part, name in given.items()}
    parts["drop"] = tuple(_find(names, name, "--drop") for name in wishes.drop)
    for part, name in parts.items():
        if part in OPTIONS and name in parts["drop"]:
            raise ConfigError(f"column {name!r} is given as {OPTIONS[part]} and as --drop", "give one of them")
    taken = {part: name for part, name in parts.items() if part in OPTIONS and name}
    for part, name in taken.items():
        other = next((p for p, n in taken.items() if n == name and p != part), None)
        if other:
            mend = (
                "the target is what the model predicts; it can play no other part" if "target" in (part, other) else ""
            )
            raise ConfigError(
                f"column {name!r} is given as {OPTIONS[part]} and as {OPTIONS[other]}",
                mend or "a cluster is shared by rows, an identifier is not, a time is neither",
            )
    return parts


def _find(names: list[str], name: str, option: str) -> str:
    if name in names:
        return name
    same = [known for known in names if known.casefold() == name.casefold() or safe_name(known) == name]
    if len(same) == 1:
        return same[0]
    raise ConfigError(f"{option} {name}: the file has no such column", suggest(name, names))
