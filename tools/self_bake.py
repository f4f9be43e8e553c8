"""Bakes the default project into build/self, for the actions to run on themselves; `--break` takes its data apart."""

from __future__ import annotations

import shutil
import sys

from baking import BUILD, bake

SELF = BUILD / "self"


def main(argv: list[str]) -> int:
    if argv == ["--break"]:
        import pandas as pd

        (path,) = SELF.glob("*/data/raw.parquet")
        pd.read_parquet(path).assign(amount=-1.0).to_parquet(path)
        return 0
    shutil.rmtree(SELF, ignore_errors=True)
    print(bake(SELF))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
