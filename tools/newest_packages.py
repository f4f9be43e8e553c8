"""The newest of every package of Python and of npm, and of Python itself, within what is asked for by name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from newest_moves import ROOT, Move, StuckError, between
from node import node

BOUNDS = re.compile(r">=3\.(\d+),<3\.(\d+)")


def upgrade(root: Path = ROOT) -> list[Move]:
    """Both locks of uv; what this repository and a generated one share is told once."""
    before = locked(root)
    for words in (["lock", "--upgrade"], ["lock", "--upgrade", "--project", "template"]):
        run(["uv", *words], root)
    return between("python package", before, locked(root))


def locked(root: Path) -> dict[str, str]:
    """Name → version; several where markers choose between them."""
    found: dict[str, set[str]] = {}
    for lock in (root / "uv.lock", root / "template" / "uv.lock"):
        for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
            found.setdefault(package["name"], set()).add(package.get("version", ""))
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def upgrade_npm(root: Path = ROOT) -> list[Move]:
    """Exact versions in tools/package.json, and the lock beside it; nobody's install script runs."""
    folder = root / "tools"
    before = wanted(folder)
    words = ["install", "--package-lock-only", "--save-exact", "--ignore-scripts", "--no-audit", "--no-fund"]
    run([*node("npm"), *words, "--loglevel=error", *(f"{name}@latest" for name in before)], folder)
    return between("npm", before, wanted(folder))


def wanted(folder: Path) -> dict[str, str]:
    return dict(json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"])


def choose_python(root: Path = ROOT) -> list[Move]:
    """The newest Python that is allowed, for the steps that follow on a runner; one that is newer still is told."""
    asked = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    bounds = BOUNDS.fullmatch(asked)
    if not bounds:
        raise StuckError(f"requires-python is {asked!r}, not >=3.X,<3.Y")
    low, high = map(int, bounds.groups())
    listed = json.loads(run(["uv", "python", "list", "--all-versions", "--output-format", "json"], root))
    minors = {
        one["version_parts"]["minor"]
        for one in listed
        if one["implementation"] == "cpython" and re.fullmatch(r"3\.\d+\.\d+", one["version"])
    }
    usable = max((minor for minor in minors if low <= minor < high), default=None)
    if usable is None:
        raise StuckError(f"uv knows no Python for {asked}")
    if runner := os.environ.get("GITHUB_ENV"):
        with Path(runner).open("a", encoding="utf-8") as out:
            out.write(f"UV_PYTHON=3.{usable}\n")
    note = f"3.{max(minors)} is out; requires-python says {asked}" if max(minors) >= high else ""
    before = f"3.{sys.version_info.minor}"
    return [Move("python", "python", before, f"3.{usable}", note=note)] if note or before != f"3.{usable}" else []


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
        raise StuckError(f"{Path(command[0]).name} {command[1]}: {said[:300]}")
    return done.stdout
