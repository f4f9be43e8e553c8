"""Refuses a `governance/model.yaml` that leaves out who answers for the model, or whose review is overdue."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mlgate.errors import ConfigError
from mlgate.governance import FILE, Governance
from mlgate.hooks import verdict


def main(argv: Sequence[str] | None = None) -> int:
    paths = (sys.argv[1:] if argv is None else argv) or [str(FILE)]
    return verdict(problem for path in paths if (problem := _problem(Path(path))))


def _problem(path: Path) -> str:
    try:
        overdue = Governance.read(path).overdue(datetime.now(UTC).date())
    except ConfigError as error:
        return str(error)
    return f"{path}: {overdue}" if overdue else ""


if __name__ == "__main__":
    sys.exit(main())
