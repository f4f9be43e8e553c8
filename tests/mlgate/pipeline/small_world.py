"""How the tests of the pipeline look at a project: its reports, its files, its rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from mlgate.params import Params, parse
from mlgate.yaml_file import read_yaml

Run = Callable[..., Any]
AWAY = {".git", ".mlgate", "reports", "__pycache__", ".dvc"}


def report(folder: Path, verb: str) -> dict[str, Any]:
    return dict(json.loads((folder / "reports" / f"{verb}.json").read_bytes()))


def verdicts(folder: Path, verb: str) -> dict[str, str]:
    return {check["id"]: check["status"] for check in report(folder, verb)["checks"]}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` with its content; Git's, DVC's and this machine's own are left out."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder): path for path in files}
    return {str(name): path.read_bytes() for name, path in found.items() if not AWAY & set(name.parts)}


def params(folder: Path, **sections: dict[str, Any]) -> Params:
    """The project's parameters with some keys of some sections changed."""
    content = read_yaml(folder / "params.yaml")
    for section, keys in sections.items():
        content[section].update(keys)
    return parse(content)


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "data" / "raw.parquet")


def commit(folder: Path, run: Run, message: str) -> None:
    for command in (["git", "add", "-A"], ["git", "commit", "-q", "--allow-empty", "-m", message]):
        done = run(command, folder)
        assert done.returncode == 0, done.stderr


def repro(folder: Path, run: Run) -> Any:
    return run([sys.executable, "-m", "dvc", "repro"], folder, PYTHONPATH=str(folder / "src"))
