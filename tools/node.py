"""Programs of npm that the tests drive, at the versions of `tools/package-lock.json`: installed once, cached.

`tools/run python tools/node.py` installs what the lock names and prints the folder. Node itself is in `uv.lock`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from caches import CACHE, sweep

LOCKED = Path(__file__).resolve().parent
SETS = CACHE / "node"


def node(program: str = "node") -> list[str]:
    """How to call the locked node or npm."""
    return [str(Path(sys.executable).with_name(program))]


def packages() -> Path:
    """The folder that holds `node_modules`, installed from the lock without running anyone's install scripts."""
    (name,) = wanted(LOCKED)
    folder = SETS / name
    with _Locked(folder):
        os.utime(folder)
        if not (folder / "node_modules").is_dir():
            with tempfile.TemporaryDirectory(dir=folder, prefix=".install.") as work:
                for name in ("package.json", "package-lock.json"):
                    shutil.copy(LOCKED / name, work)
                command = [*node("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
                subprocess.run(command, cwd=work, check=True, stdout=sys.stderr)
                Path(work, "package.json").rename(folder / "package.json")
                Path(work, "node_modules").rename(folder / "node_modules")
            sweep(SETS, wanted)
    return folder


def wanted(tools: Path) -> set[str]:
    """The name of the set that the lock of a checkout's tools asks for."""
    return {_digest((tools / "package-lock.json").read_bytes())}


def bundle(script: Path) -> Path:
    """One file of a script and all that it imports; it starts in a tenth of the time and stands anywhere."""
    installed = packages()
    built = installed / f"{script.stem}-{_digest(script.read_bytes())}.mjs"
    with _Locked(installed):
        if not built.exists():
            require = (
                "import { createRequire as required } from 'node:module'; const require = required(import.meta.url);"
            )
            shutil.copy(script, installed / script.name)  # imports are looked up from where a script stands
            command = [
                *node(), "node_modules/esbuild/bin/esbuild", script.name, "--bundle", "--platform=node", "--format=esm",
                f"--banner:js={require}", "--log-level=error", f"--outfile={built}.new",
            ]  # fmt: skip
            subprocess.run(command, cwd=installed, check=True, stdout=sys.stderr)
            Path(f"{built}.new").rename(built)
    return built


class _Locked:
    """One process at a time in a folder: two workers of pytest install once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stream = (folder / ".lock").open("w")

    def __enter__(self) -> None:
        fcntl.flock(self.stream, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.stream.close()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


if __name__ == "__main__":
    print(packages())
