"""Refuses private keys: once pushed, a key is public, and only a new one helps."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mlgate.hooks import verdict
from mlgate.no_secrets import PRIVATE_KEY

KEY = re.compile(PRIVATE_KEY.encode())


def main(argv: Sequence[str] | None = None) -> int:
    paths = [Path(name) for name in (sys.argv[1:] if argv is None else argv)]
    return verdict(
        f"{path} holds a private key: take it out, and replace the key if it was ever pushed"
        for path in paths
        if path.is_file() and KEY.search(path.read_bytes())
    )


if __name__ == "__main__":
    sys.exit(main())
