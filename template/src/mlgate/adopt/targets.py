"""What is to be predicted: the task, the positive class, and whether the target can be learnt at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from mlgate.adopt import convert, numerals
from mlgate.adopt.columns import Column, Wishes
from mlgate.adopt.layout import FileColumn, Layout
from mlgate.adopt.source import suggest
from mlgate.errors import ConfigError, DataError
from mlgate.params import Task

MANY_VALUES = 20  # whole numbers with more distinct values than this are a quantity, not classes
MOST_CLASSES = 100
FEWEST_OF_A_CLASS = 5
POSITIVE = (
    "1",
    "true",
    "yes",
    "y",
    "t",
    "positive",
    "pos",
    "fraud",
    "churn",
    "default",
    "bad",
    "malignant",
    "sick",
    "up",
    "ja",
    "oui",
    "sí",
    "si",
    "sim",
    "sì",
    "tak",
    "ano",
    "да",
    "wahr",
    "vrai",
    "verdadero",
)

Target = tuple[Column, tuple[int | str, ...], Task, list[str]]


def target_of(cells: pd.Series[Any], name: str, layout: Layout, wishes: Wishes) -> Target:
    """The target's column, its classes in order (binary: negative, positive), the task, and notes.

    Raises
    ------
    DataError
        If the target is empty, constant, infinite, has a class with hardly any rows, or is free text.
    ConfigError
        If --task or --positive do not fit.
    """
    source = str(cells.name)
    present = cells.dropna()
    if present.empty:
        raise DataError(
            f"the target {source!r} has no value in any row", "give a table with labels, or another --target"
        )
    written = "" if _is_typed(present) else numerals.form_of(convert.text(present), layout.decimal)
    words = _words(present, layout, written)
    if words.nunique() == 1:
        raise DataError(
            f"the target {source!r} is {words.iloc[0]!r} in every row: one class only", "add rows of another class"
        )
    notes = [f"{len(cells) - len(present):,} rows have no target and are left out"] * (len(present) < len(cells))
    numbers = None if pd.api.types.is_bool_dtype(present) else convert.numbers(present, layout.decimal, written)
    values = numbers if numbers is not None and numbers.notna().all() else None
    if wishes.positive is not None and wishes.task == "regression":
        raise ConfigError("--positive with --task regression", "a regression has no classes; leave one of them out")
    if not _is_regression(values, words, source, wishes):
        if wishes.task is None:
            _require_one_spelling(words, source)
        column, classes, task, said = _classes(name, source, words, values, wishes.positive, notes)
        return replace(column, form=written if column.kind == "integer" else ""), classes, task, said
    if numbers is not None and numbers.notna().mean() > 0.5:
        convert.one(cells, FileColumn(source, "number", written), layout.decimal)  # says which row is no finite number
    elif values is None:
        raise DataError(f"the target {source!r} holds {words.iloc[0]!r}: no number", "give --task classification")
    return Column(name, source, "number", "target", form=written), (), "regression", notes


def _classes(
    name: str, source: str, words: pd.Series[Any], values: pd.Series[Any] | None, positive: str | None, notes: list[str]
) -> Target:
    """The target of a classification; `values` are its numbers if every one is a number."""
    counts = words.value_counts()
    _require_classes(counts, source)
    whole = values is not None and bool((values % 1 == 0).all())
    column = Column(name, source, "integer" if whole else "text", "target")
    if len(counts) == 2:
        pair, said = _pair(counts, source, positive)
        return column, tuple(map(int, pair)) if whole else pair, "binary", [*notes, said]
    if positive is not None:
        raise ConfigError(f"--positive with {len(counts)} classes", "--positive is for two classes; leave it out")
    classes = tuple(sorted(map(int, counts.index))) if whole else tuple(sorted(map(str, counts.index)))
    return column, classes, "multiclass", notes


def _is_typed(cells: pd.Series[Any]) -> bool:
    """Whether the file itself says what its cells are, as Parquet does."""
    return bool(pd.api.types.is_bool_dtype(cells) or pd.api.types.is_numeric_dtype(cells))


def _words(present: pd.Series[Any], layout: Layout, written: str) -> pd.Series[Any]:
    """Values as text; whole numbers in one spelling, so that `1` and `1.0` are one class."""
    values = convert.numbers(present, layout.decimal, written) if not pd.api.types.is_bool_dtype(present) else None
    if values is not None and values.notna().all() and (values % 1 == 0).all() and (values.abs() < 2**53).all():
        return convert.text(values.astype("int64"))
    return convert.text(present)


def _is_regression(values: pd.Series[Any] | None, words: pd.Series[Any], source: str, wishes: Wishes) -> bool:
    if wishes.task is not None:
        return wishes.task == "regression"
    if values is not None:
        return wishes.positive is None and (
            bool((values % 1 != 0).any()) or values.nunique() > _most_classes(len(values))
        )
    numbers = pd.to_numeric(words, errors="coerce").notna().mean()
    return bool(numbers > 0.9 and words.nunique() > MANY_VALUES)


def _most_classes(rows: int) -> int:
    """Whole numbers with more distinct values are a quantity: with few rows a class would have hardly any."""
    return min(MANY_VALUES, max(5, rows // FEWEST_OF_A_CLASS // 2))


def _require_classes(counts: pd.Series[Any], source: str) -> None:
    if len(counts) > MOST_CLASSES:
        raise DataError(
            f"the target {source!r} has {len(counts):,} classes, more than {MOST_CLASSES}",
            "is it a number (--task regression), an identifier or free text? give another --target",
        )
    if int(counts.min()) < FEWEST_OF_A_CLASS:
        raise DataError(
            f"class {counts.idxmin()!r} of {source!r} has {int(counts.min())} rows; {FEWEST_OF_A_CLASS} are needed",
            "merge it with another class, or take its rows out",
        )


def _require_one_spelling(words: pd.Series[Any], source: str) -> None:
    """`Yes` and `YES` are hardly two classes: with both, a question of yes or no would have four answers."""
    names = pd.Series(words.unique())
    twins = names[names.str.casefold().duplicated(keep=False)]
    if len(twins):
        raise DataError(
            f"the target {source!r} has classes that differ in capitals alone: {', '.join(map(repr, twins[:4]))}",
            "write each class in one way, or say `--task classification` if they are different ones",
        )


def _pair(counts: pd.Series[Any], source: str, asked: str | None) -> tuple[tuple[str, str], str]:
    """(negative, positive) and a sentence that says why."""
    names = [str(name) for name in counts.index]
    if asked is not None:
        found = [n for n in names if n == asked] or [n for n in names if n.casefold() == asked.casefold()]
        if not found:
            raise ConfigError(f"--positive {asked}: the target {source!r} has no such value", suggest(asked, names))
        positive, why = found[0], "as you said"
    else:
        usual = [n for word in POSITIVE for n in names if n.casefold() == word]
        positive = usual[0] if usual else str(counts.idxmin())
        why = "by its name" if usual else "the rarer class"
    share = counts[positive] / counts.sum()
    negative = next(name for name in names if name != positive)
    said = f"positive class: {positive!r} ({why}), {share:.1%} of rows; `--positive` chooses another"
    return (negative, positive), said
