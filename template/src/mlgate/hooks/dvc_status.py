"""Refuses data that is not the version that `dvc.lock` names; offline and quick, and silent before any data.

`dvc status` takes over a second and also asks about code. Here only files that Git carries are compared, since those
are what a commit would publish under the wrong version.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlgate.errors import ConfigError
from mlgate.hooks import verdict
from mlgate.yaml_file import read_yaml


def main(argv: Sequence[str] | None = None) -> int:
    """`argv` is ignored: which file changed does not matter, whether they agree does."""
    lock = Path("dvc.lock")
    if not lock.is_file():
        return 0
    try:
        return verdict(_differences(read_yaml(lock)))
    except ConfigError as error:
        return verdict([str(error)])


def _differences(lock: dict[str, Any]) -> Iterator[str]:
    for stage, content in lock.get("stages", {}).items():
        for out in content.get("outs", []):
            path, named = Path(out["path"]), str(out.get("md5", ""))
            if named.endswith(".dir") or not named or not path.is_file():
                continue  # folders are in DVC's cache, and a file that is not here can't be committed
            if _md5(path) != named:
                yield f"{path} is not what dvc.lock names for {stage}: run `uv run dvc repro`, then add both"


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
