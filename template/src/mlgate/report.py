"""The one format for every verdict: `reports/<verb>.json`, of which tables, pages and the ledger are views."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mlgate.errors import GATE_FAILED, INFRASTRUCTURE, PASS
from mlgate.files import write_atomic

Status = Literal["pass", "fail", "skip", "error"]
_WORST: tuple[Status, ...] = ("error", "fail", "pass", "skip")


class Check(BaseModel):
    """One verdict. A check that could not run is `error`, never `pass`; a skip says why in `evidence`."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(description="Stable name, for example `floor` or `data-drift/amount`")
    title: str
    status: Status
    observed: float | None = None
    interval: tuple[float, float] | None = None
    threshold: float | None = None
    unit: str = ""
    evidence: str = ""
    mend: str = ""

    @property
    def found(self) -> str:
        """`0.595 [0.546, 0.649] average_precision`, as far as it is known."""
        words = "" if self.observed is None else shown(self.observed)
        words += f" [{shown(self.interval[0])}, {shown(self.interval[1])}]" if self.interval else ""
        return f"{words} {self.unit}".strip()

    @property
    def allowed(self) -> str:
        """The threshold in words; empty where there is none."""
        return "" if self.threshold is None else shown(self.threshold)


def shown(number: float) -> str:
    """A number as people write it: `221,715`, `0.5951`."""
    large = 1e4 <= abs(number) < 1e15
    return f"{number:,.0f}" if large or (abs(number) < 1e4 and number == int(number)) else f"{number:.4g}"


class Subject(BaseModel):
    """What the verdict is about; empty where it does not exist yet."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    git_commit: str = ""
    data_digest: str = ""
    model_digest: str = ""
    image_digest: str = ""


class Report(BaseModel):
    """What one verb found. `status` is the worst of its checks: error, then fail, then pass."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    verb: str
    status: Status = "pass"
    started: datetime = Field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    subject: Subject = Field(default_factory=Subject)
    checks: list[Check] = Field(default_factory=list)
    artifacts: list[str] = Field(default_factory=list, description="Paths relative to the repository")
    notes: list[str] = Field(default_factory=list, description="Plain sentences for the reader")

    def close(self) -> Report:
        """Set `status` from the checks and `seconds` from the clock."""
        statuses = {check.status for check in self.checks}
        self.status = next((status for status in _WORST if status in statuses), "pass")
        self.seconds = round(max(0.0, time.time() - self.started.timestamp()), 3)
        return self

    @property
    def exit_code(self) -> int:
        """0 pass; 1 where a check failed or could not judge (`error` fails closed)."""
        return PASS if self.status in ("pass", "skip") else GATE_FAILED

    def write(self, path: Path) -> None:
        """Write the report as JSON, whole or not at all."""
        write_atomic(path, self.model_dump_json(indent=2).encode() + b"\n")

    @classmethod
    def read(cls, path: Path) -> Report:
        return cls.model_validate_json(path.read_bytes())


__all__ = ["GATE_FAILED", "INFRASTRUCTURE", "PASS", "Check", "Report", "Status", "Subject", "shown"]
