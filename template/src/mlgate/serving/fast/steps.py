"""Preprocessing of one row as plain Python: what a fitted transformer does to a list of values.

Tables of categories and of what fills a gap are asked of the transformer itself, so that its rules stand in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlgate.serving.fast.not_lifted import NotLiftedError

Step = Callable[[list[Any]], list[Any]]
UNKNOWN = "\x00 a word that no data have"


def step(transformer: Any) -> Step | None:
    """The function of a fitted transformer on one row; None where it changes nothing.

    Raises
    ------
    NotLiftedError
        If it is of another kind, or set so that it has no equal here.
    """
    if transformer == "passthrough":
        return None
    kind = type(transformer).__name__
    made = KINDS.get(kind) if type(transformer).__module__.startswith("sklearn.") else None
    if made is None:
        raise NotLiftedError(f"{kind} has no fast equal")
    return made(transformer)


def _pipeline(transformer: Any) -> Step | None:
    return chain([step(member) for _, member in transformer.steps])


def chain(steps: Sequence[Step | None]) -> Step | None:
    """One step of many."""
    needed = [one for one in steps if one is not None]
    if len(needed) < 2:
        return needed[0] if needed else None

    def run(values: list[Any]) -> list[Any]:
        for one in needed:
            values = one(values)
        return values

    return run


def _columns(transformer: Any) -> Step:
    parts = []
    for _, member, columns in transformer.transformers_:
        places = _places(columns, transformer)
        if places and not (isinstance(member, str) and member == "drop"):
            parts.append((places, step(member)))

    def run(values: list[Any]) -> list[Any]:
        made: list[Any] = []
        for places, one in parts:
            part = [values[place] for place in places]
            made += part if one is None else one(part)
        return made

    return run


def _places(columns: Any, transformer: Any) -> list[int]:
    if isinstance(columns, slice):
        return list(range(transformer.n_features_in_))[columns]
    asked = np.atleast_1d(np.asarray(columns))
    if asked.dtype == bool:
        return [int(place) for place in np.flatnonzero(asked)]
    names = list(getattr(transformer, "feature_names_in_", ()))
    return [names.index(name) if isinstance(name, str) else int(name) for name in asked.tolist()]


def _encoder(transformer: Any) -> Step:
    """Ordinal codes or switches: a table a column, from category to what the encoder makes of it."""
    widths = _widths(transformer)
    longest = max(map(len, transformer.categories_))
    rows = [[known[min(i, len(known) - 1)] for known in transformer.categories_] for i in range(longest)]
    unknown = [UNKNOWN if known.dtype == object else _beyond(known) for known in transformer.categories_]
    made = _transformed(transformer, [*rows, unknown, [np.nan] * len(widths)])
    tables: list[tuple[dict[Any, list[float]], list[float], list[float]]] = []
    for j, known in enumerate(transformer.categories_):
        own = made[:, sum(widths[:j]) : sum(widths[: j + 1])].tolist()
        table = {value: own[i] for i, value in enumerate(known.tolist()) if not _missing(value)}
        tables.append((table, own[-2], own[-1]))

    def run(values: list[Any]) -> list[Any]:
        made: list[Any] = []
        for value, (table, other, gap) in zip(values, tables, strict=True):
            found = table.get(value)
            made += found if found is not None else gap if _missing(value) else other
        return made

    return run


def _widths(encoder: Any) -> list[int]:
    if type(encoder).__name__ == "OrdinalEncoder":
        return [1] * len(encoder.categories_)
    return [int(width) for width in encoder._n_features_outs]


def _beyond(known: Any) -> float:
    numbers = known[~np.isnan(known)] if known.dtype.kind == "f" else known
    return float(numbers.max(initial=0)) + 1


def _missing(value: Any) -> bool:
    return value is None or value != value


def _transformed(transformer: Any, rows: list[list[Any]]) -> Any:
    """What the transformer itself makes of `rows`, as a dense array of floats."""
    import pandas as pd

    names = getattr(transformer, "feature_names_in_", None)
    frame = pd.DataFrame(rows, columns=names)
    try:
        made = transformer.transform(frame if names is not None else frame.to_numpy())
    except Exception as error:
        raise NotLiftedError(f"{type(transformer).__name__} refuses a value: {error}") from error
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)


def _imputer(transformer: Any) -> Step:
    fill = _transformed(transformer, [[np.nan] * transformer.n_features_in_])[0].tolist()
    if len(fill) != transformer.n_features_in_ or transformer.missing_values == transformer.missing_values:
        raise NotLiftedError("SimpleImputer drops or adds columns, or fills something other than NaN")
    return lambda values: [
        other if value is None or value != value else value for value, other in zip(values, fill, strict=True)
    ]


def _scaler(transformer: Any) -> Step:
    width = transformer.n_features_in_
    mean = transformer.mean_.tolist() if transformer.with_mean else [0.0] * width
    scale = transformer.scale_.tolist() if transformer.with_std else [1.0] * width
    return lambda values: [(value - m) / s for value, m, s in zip(values, mean, scale, strict=True)]


def _function(transformer: Any) -> None:
    own = type(transformer).__name__ == "FunctionTransformer" and transformer.func is not None
    if own and getattr(getattr(transformer.func, "func", None), "__name__", "") != "check_array":
        raise NotLiftedError("FunctionTransformer calls a function on frames")


def _words(transformer: Any) -> Step:
    """scikit-learn's own, one text at a time: most of its work is the text, little the frame."""
    return lambda values: transformer.transform(values).toarray()[0].tolist()


KINDS: dict[str, Callable[[Any], Step | None]] = {
    "ColumnTransformer": _columns,
    "CountVectorizer": _words,
    "FunctionTransformer": _function,
    "OneHotEncoder": _encoder,
    "OrdinalEncoder": _encoder,
    "Pipeline": _pipeline,
    "SimpleImputer": _imputer,
    "StandardScaler": _scaler,
    "TfidfVectorizer": _words,
}
