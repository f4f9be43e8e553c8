"""Waiting for a command that gets Ctrl-C from the terminal too, and has servers to stop or files to finish by then."""

from __future__ import annotations

import subprocess
from pathlib import Path


def run(command: list[str], cwd: Path | None = None, environ: dict[str, str] | None = None) -> int:
    """Its exit code, once it has ended by itself; `subprocess.run` would kill it a quarter of a second after Ctrl-C."""
    with subprocess.Popen(command, cwd=cwd, env=environ) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue
