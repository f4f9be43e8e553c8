"""Refuses private keys: once pushed, a key is public, and only a new one helps."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mlgate.hooks import verdict

KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"  # PEM, OpenSSH, PGP, cosign
    rb"|PuTTY-User-Key-File-\d"
    rb"|AGE-SECRET-KEY-1[0-9A-Z]{50}"
)


def main(argv: Sequence[str] | None = None) -> int:
    paths = [Path(name) for name in (sys.argv[1:] if argv is None else argv)]
    return verdict(
        f"{path} holds a private key: take it out, and replace the key if it was ever pushed"
        for path in paths
        if path.is_file() and KEY.search(path.read_bytes())
    )


if __name__ == "__main__":
    sys.exit(main())
