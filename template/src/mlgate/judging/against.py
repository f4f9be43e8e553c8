"""This commit's data and thresholds against those of another, for the eyes that review a change."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd

from mlgate.errors import ConfigError, MlgateError
from mlgate.params import Params
from mlgate.project import Project, run
from mlgate.quality.loosened import judge
from mlgate.quality.shift import shifts
from mlgate.report import Check
from mlgate.versions import snapshot

SHOWN = 5


def commit_of(project: Project, ref: str) -> str:
    """The commit that `ref` names; ConfigError where this clone has none."""
    found = "" if ref.startswith("-") else project.git("rev-parse", "-q", "--verify", f"{ref}^{{commit}}", check=False)
    if not found:
        raise ConfigError(
            f"this clone has no commit {ref[:80]!r}", "fetch it: `git fetch origin main`, then origin/main"
        )
    return found


def thresholds(project: Project, commit: str, approved: bool) -> Check:
    """Red where `params.yaml` loosens a threshold of `commit`, unless someone with the right to it agreed."""
    try:
        old: Params | MlgateError = _params_at(project, commit)
    except MlgateError as error:
        old = error
    return judge(old, project.params, commit[:12], approved)


def data_change(project: Project, commit: str, frame: pd.DataFrame) -> tuple[Check, list[str]]:
    """What the data version changes against `commit`, and a sentence each; skipped where the old one isn't here."""
    check = Check(id="data-change", title=f"Against the data of {commit[:12]}", status="skip")
    try:
        old = _snapshot_at(project, commit)
    except MlgateError as error:
        check.evidence = str(error)
        return check, []
    check.status = "pass"
    if old is None:
        check.evidence = "the first data version"
        return check, []
    if snapshot.same(old, frame):
        check.evidence = "the same rows"
        return check, []
    told = snapshot.changes(old, frame, project.params)
    found = shifts(_columns(old, project.params), _columns(frame, project.params))
    moved = [shift for shift in found if shift.seen]
    told += [f"{m.column}: moved, {m.size:.1%} of the rows" for m in moved[:SHOWN]]
    told += [f"and {len(moved) - SHOWN} other columns"] * (len(moved) > SHOWN)
    told += ["no column moved"] * (not moved)
    check.observed = float(len(frame) - len(old))
    check.unit = "rows more" if check.observed >= 0 else "rows"
    check.evidence = "; ".join(told)
    return check, told


def _params_at(project: Project, commit: str) -> Params:
    with tempfile.TemporaryDirectory(prefix="mlgate-against-") as folder:
        path = Path(folder) / "params.yaml"
        _take(project, commit, "params.yaml", path)
        return Params.read(path)


def _snapshot_at(project: Project, commit: str) -> pd.DataFrame | None:
    """The snapshot of a commit, from Git or from DVC; None where it had none."""
    name = project.raw.relative_to(project.root).as_posix()
    with tempfile.TemporaryDirectory(prefix="mlgate-against-") as folder:
        path = Path(folder) / "raw.parquet"
        if project.git("ls-tree", commit, "--", name):
            _take(project, commit, name, path)
        elif not project.git("ls-tree", commit, "--", "dvc.lock"):
            return None
        else:
            get = [sys.executable, "-m", "dvc", "get", ".", name, "--rev", commit, "-o", str(path)]
            run(get, project.root, environ=project.environ())
        return snapshot.read(path, project.params)


def _take(project: Project, commit: str, name: str, path: Path) -> None:
    """Write a file as a commit has it."""
    content = run(["git", "cat-file", "blob", f"{commit}:{name}"], project.root)
    path.write_bytes(content.encode("utf-8", "surrogateescape"))


def _columns(frame: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Without the columns in which every new row differs: its name and its moments."""
    data = params.data
    return frame.drop(columns=[name for name in (data.id, data.time, data.label_time) if name in frame])
