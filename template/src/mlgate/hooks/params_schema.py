"""Refuses a `params.yaml` that no verb would accept: unknown keys, wrong types, values that make no sense."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mlgate.errors import ConfigError
from mlgate.hooks import verdict
from mlgate.params import Params


def main(argv: Sequence[str] | None = None) -> int:
    paths = (sys.argv[1:] if argv is None else argv) or ["params.yaml"]
    return verdict(problem for path in paths for problem in _problems(Path(path)))


def _problems(path: Path) -> list[str]:
    try:
        Params.read(path)
    except ConfigError as error:
        return [str(error)]
    return []


if __name__ == "__main__":
    sys.exit(main())
