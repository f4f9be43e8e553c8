"""What adopt found out about each column, and about the table as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from mlgate.adopt.layout import FileColumn, Kind, Layout
from mlgate.params import Task

if TYPE_CHECKING:
    import pandas as pd

Part = Literal["number", "category", "text", "date", "constant", ""]


@dataclass(frozen=True)
class Column:
    """One column that stays: its name here, its place in the file, and the part it plays.

    Attributes
    ----------
    part : how a feature enters the model; empty for identifier, time, cluster and target
    form : how a moment is written, or a number whose thousands or unit are (`1.234,5€`)
    longest : of a text, in letters
    """

    name: str
    source: str
    kind: Kind
    role: str = "feature"
    part: Part = ""
    form: str = ""
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    distinct: int = 0
    longest: int = 0

    @property
    def file(self) -> FileColumn:
        return FileColumn(self.source, self.kind, self.form)


@dataclass(frozen=True)
class Wishes:
    """What the caller said on the command line, in the file's names or ours."""

    target: str
    time: str | None = None
    id: str | None = None
    cluster: str | None = None
    task: str | None = None
    positive: str | None = None
    drop: tuple[str, ...] = ()
    until: str | None = None
    encoding: str | None = None
    decimal: str | None = None


@dataclass(frozen=True)
class Findings:
    """The table understood: columns that stay, those left out and why, the task, and sentences for the reader.

    Attributes
    ----------
    classes : binary: (negative, positive); multiclass: in order; regression: none
    rows : labelled rows, typed, under our names
    """

    path: str
    layout: Layout
    task: Task
    target: Column
    columns: tuple[Column, ...]
    left_out: dict[str, str]
    rows: pd.DataFrame
    classes: tuple[int | str, ...] = ()
    notes: tuple[str, ...] = ()

    def by_role(self, role: str) -> Column | None:
        return next((column for column in self.columns if column.role == role), None)

    def by_part(self, part: Part) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.part == part)

    def without(self, gone: dict[str, str]) -> Findings:
        """The same table with more columns left out: name here -> why."""
        kept = tuple(column for column in self.columns if column.name not in gone)
        why = {column.source: gone[column.name] for column in self.columns if column.name in gone}
        return replace(self, columns=kept, left_out={**self.left_out, **why}, rows=self.rows.drop(columns=list(gone)))
