"""Which column plays which part, read from the contract in `model.schema`, so that no second list exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mlgate.errors import ConfigError
from mlgate.params import Params

Kind = Literal["integer", "number", "boolean", "string", "time", "other"]
ROLES = (
    "identifier", "time", "label_time", "cluster", "feature", "target", "prediction", "pii", "sensitive", "ignored",
    "unlogged",
)  # fmt: skip
PERSONAL = ("pii", "sensitive")
UNLOGGED = (*PERSONAL, "identifier", "cluster", "target", "label_time", "unlogged")  # free text, beside `feature`
_KINDS: tuple[tuple[str, Kind], ...] = (
    ("datetime", "time"),
    ("bool", "boolean"),
    ("int", "integer"),
    ("uint", "integer"),
    ("float", "number"),
    ("str", "string"),
    ("category", "string"),
    ("object", "string"),
)


@dataclass(frozen=True)
class Column:
    """One column of a contract. `kind` is what it holds, whatever its width in bits."""

    name: str
    roles: tuple[str, ...]
    kind: Kind
    nullable: bool
    description: str
    owner: str

    @property
    def personal(self) -> bool:
        """Must stay out of features, logs and reports."""
        return any(role in PERSONAL for role in self.roles)


@dataclass(frozen=True)
class Columns:
    """The columns of a contract, in its order."""

    all: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        for column in self.all:
            if column.name == name:
                return column
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.all)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.all)

    def of(self, *roles: str) -> tuple[str, ...]:
        """Names of the columns that play any of these roles."""
        return tuple(column.name for column in self.all if any(role in column.roles for role in roles))

    @property
    def features(self) -> tuple[str, ...]:
        return self.of("feature")

    @property
    def personal(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.all if column.personal)


def columns(contract: Any) -> Columns:
    """Read the columns of a pandera DataFrameModel such as `model.schema.Inputs`.

    Raises
    ------
    ConfigError
        If a column has no role, or one that does not exist; names contract and column.
    """
    return Columns(tuple(_column(contract.__name__, name, c) for name, c in contract.to_schema().columns.items()))


def agree(inputs: Columns, labelled: Columns, params: Params) -> None:
    """Check that `data` in params.yaml and the contract name the same columns for the same parts.

    Raises
    ------
    ConfigError
        If params.yaml names a column that the contract lacks or gives another part, or inputs hold the target.
    """
    data = params.data
    parts = (("target", "target"), ("id", "identifier"), ("time", "time"), ("label_time", "label_time"))
    for key, role in (*parts, ("cluster", "cluster")):
        name = getattr(data, key)
        if name is None:
            continue
        if name not in labelled:
            raise ConfigError(f"data.{key}: model.schema.Labelled has no column {name!r}", "correct one of the two")
        if role not in labelled[name].roles:
            said = ", ".join(labelled[name].roles)
            mend = f"give it the role {role!r} in model/schema.py, or correct data.{key}"
            raise ConfigError(f"data.{key} is {name!r}, whose role in model.schema is {said}", mend)
    late = [name for name in (data.target, data.label_time) if name and name in inputs]
    if late:
        raise ConfigError(f"model.schema.Inputs holds {late[0]!r}, known only later", "move it to Labelled")


def _column(contract: str, name: str, column: Any) -> Column:
    metadata = column.metadata or {}
    declared = metadata.get("role", ())
    roles = (declared,) if isinstance(declared, str) else tuple(declared)
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        said = f"the unknown role {unknown[0]!r}" if unknown else "no role"
        mend = f"write metadata={{'role': ...}} with one of {', '.join(ROLES)}"
        raise ConfigError(f"model.schema.{contract}: column {name!r} has {said}", mend)
    return Column(
        name=name,
        roles=roles,
        kind=_kind(str(column.dtype)),
        nullable=bool(column.nullable),
        description=column.description or "",
        owner=str(metadata.get("owner", "")),
    )


def _kind(dtype: str) -> Kind:
    return next((kind for start, kind in _KINDS if dtype.lower().startswith(start)), "other")
