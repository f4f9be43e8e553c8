"""Waiting for a command that gets Ctrl-C from the terminal too, and has servers to stop or files to finish by then."""

from __future__ import annotations

import subprocess
from pathlib import Path


def run(command: list[str], cwd: Path | None = None, environ: dict[str, str] | None = None) -> int:
    """Its exit code. After Ctrl-C, KeyboardInterrupt once it has ended; `subprocess.run` kills it after 0.25 s."""
    came = False
    with subprocess.Popen(command, cwd=cwd, env=environ) as child:
        while child.returncode is None:
            try:
                child.wait()
            except KeyboardInterrupt:
                came = True
    if came:
        raise KeyboardInterrupt
    return child.returncode
