"""Refuses files over 10 MB: Git keeps every version of a file for ever, DVC keeps it where you say."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mlgate.hooks import verdict

LIMIT = 10_000_000  # bytes


def main(argv: Sequence[str] | None = None) -> int:
    paths = [Path(name) for name in (sys.argv[1:] if argv is None else argv)]
    sizes = {path: path.stat().st_size for path in paths if path.is_file() and not path.is_symlink()}
    return verdict(
        f"{path} has {size / 1e6:.1f} MB, more than {LIMIT / 1e6:.0f}: keep it with DVC (docs/data-versions.md)"
        for path, size in sizes.items()
        if size > LIMIT
    )


if __name__ == "__main__":
    sys.exit(main())
