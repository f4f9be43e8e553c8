"""A project as it is on an ordinary day: baked, trained, packaged, in staging and production, with a bare origin."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def make(folder: Path, bake: Callable[[Path], Path], run: Run, change: Callable[[Path], None] | None = None) -> None:
    """`clone` and `origin.git` in `folder`; `change` is done to the project before its data are made."""
    clone = bake(folder / "baked").rename(folder / "clone")
    if change:
        change(clone)
    _without_engine(clone)
    python = {"PYTHONPATH": str(clone / "src")}

    def must(*words: str) -> None:
        command = list(words) if words[0] == "git" else [sys.executable, "-m", *words]
        done = run(command, clone, **python)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"

    must("mlgate", "ingest")
    must("dvc", "repro", "--quiet")
    must("git", "add", "-A")
    must("git", "commit", "-qm", "A first model")
    must("mlgate", "package")
    must("mlgate", "deploy", "--env", "staging")
    must("mlgate", "promote")
    must("git", "init", "-q", "--bare", "-b", "main", str(folder / "origin.git"))
    must("git", "remote", "add", "origin", str(folder / "origin.git"))
    must("git", "push", "-q", "origin", "main", "env/staging", "env/production")


def _without_engine(repository: Path) -> None:
    """On GitHub nothing keeps running after a job: something else watches the branches."""
    path = repository / "params.yaml"
    text, found = re.subn(r"(?m)^  engine: process\b", "  engine: none", path.read_text(encoding="utf-8"))
    assert found == 1
    path.write_text(text, encoding="utf-8")
