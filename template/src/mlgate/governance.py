"""`governance/model.yaml` as a typed object, so that who answers for a model is data that a check can read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationError

from mlgate.duration import Duration
from mlgate.errors import ConfigError
from mlgate.params import Section
from mlgate.yaml_file import read_yaml

FILE = Path("governance") / "model.yaml"


def _day(value: object) -> date:
    if type(value) is date:
        return value
    raise ValueError("write a day as 2026-11-21, without quotes")


Day = Annotated[date, PlainValidator(_day), PlainSerializer(str, return_type=str)]


class Owners(Section):
    accountable: str = Field(min_length=1, description="decides on releases and answers for them")
    data: str = Field(min_length=1, description="answers for the data's quality and its lawful use")


class Retention(Section):
    predictions: Duration
    snapshots: Duration


class Review(Section):
    every: Duration
    last: Day | None = None

    @property
    def due(self) -> date | None:
        """The day by which the next review is due; None before the first one."""
        return self.last + self.every if self.last else None


class Governance(Section):
    owners: Owners
    purpose: str = Field(min_length=1)
    not_for: list[str] = Field(default_factory=list, description="uses that were considered and excluded")
    risk_class: Literal["minimal", "limited", "high"] = Field(description="in the words of the EU AI Act")
    lawful_basis: Literal[
        "consent",
        "contract",
        "legal_obligation",
        "vital_interests",
        "public_task",
        "legitimate_interests",
        "not_personal_data",
    ] = Field(description="GDPR, article 6")
    retention: Retention
    review: Review

    @classmethod
    def read(cls, path: Path) -> Governance:
        """Read and check the file; ConfigError names every wrong key."""
        try:
            return cls.model_validate(read_yaml(path))
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg'].lower()}" for e in error.errors()]
            raise ConfigError(
                f"{path}: " + "; ".join(problems), f"fix {path}; governance/README.md has the keys"
            ) from error

    def overdue(self, today: date) -> str:
        """What is wrong with the review on that day, as one sentence; empty if nothing is."""
        last, due = self.review.last, self.review.due
        if last and last > today:
            return f"review.last is {last}, a day that has not come"
        if due and due < today:
            return f"the review was due on {due}; review the model, then set review.last"
        return ""
