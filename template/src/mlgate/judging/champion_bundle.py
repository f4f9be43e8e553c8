"""The champion as it can run again: its bundle of this machine, or one made anew from its commit."""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
from pathlib import Path

from mlgate.errors import InfraError, MlgateError
from mlgate.folder import replacement
from mlgate.packing.build import copy_code
from mlgate.packing.release import Release, image_digest, read_card
from mlgate.project import Project, run
from mlgate.worktree import environ, worktree

INHERITED = ("DVC_STAGE", "DVC_ROOT", "DVC_STAGE_TARGET", "VIRTUAL_ENV")  # of the stage that `evaluate` itself is


def find(project: Project, champion: Release) -> Path:
    """The champion's `src/`: what was released, byte for byte, or its commit's code with the very model.

    Raises
    ------
    InfraError
        If the files on this machine were changed, or its commit does not give its model again.
    """
    folder = project.state / "releases" / champion.hex
    if not (folder / "src" / "model").is_dir():
        return _again(project, champion)
    if image_digest(folder) != champion.image:
        raise InfraError(
            f"the files in {folder} are not the champion's that the ledger names",
            f"remove that folder, check out {champion.source_commit[:12]}, and run `mlgate package`",
        )
    return folder / "src"


def _again(project: Project, champion: Release) -> Path:
    """A bundle from the champion's commit, kept for the next time; its model comes from DVC or is trained again."""
    source = project.state / "champions" / champion.hex / "src"
    if (source / "model").is_dir():
        _same_model(source / "artifacts", champion)
        return source
    try:
        with worktree(project, "champion", champion.source_commit) as copy:
            _make_model(project, copy, champion)
            with replacement(source.parent) as folder:
                (folder / "src").mkdir()
                copy_code(copy, folder / "src")
                shutil.copytree(copy.models, folder / "src" / "artifacts")
    except MlgateError as error:
        raise InfraError(
            f"the holdout changed, and the champion {champion.version} is not on this machine to score it; "
            f"its commit does not give it again: {error}",
            f"fetch the whole history, or check out {champion.source_commit[:12]}, run `mlgate package`, and come back",
        ) from error
    return source


def _make_model(project: Project, copy: Project, champion: Release) -> None:
    """Have `models/` in the copy: from DVC's cache, from its remote, or by training again."""
    variables = {key: value for key, value in environ(project, copy).items() if key not in INHERITED}
    mine = python(project, copy.root, pipeline=True)
    variables["PATH"] = os.pathsep.join([str(Path(mine).parent), variables.get("PATH", "")])
    # Its own runs are recorded already: what is trained again here is no new run, and needs no server.
    variables["MLFLOW_TRACKING_URI"] = f"sqlite:///{copy.root / 'again.db'}"
    for words in (["checkout", "models"], ["pull", "models"], ["repro", "train"]):
        run([mine, "-m", "dvc", *words, "--quiet"], copy.root, environ=variables, check=words[0] == "repro")
        if (copy.models / "model.json").is_file():
            return _same_model(copy.models, champion)


def _same_model(folder: Path, champion: Release) -> None:
    if read_card(folder).digest != champion.model_digest:
        raise InfraError(
            f"training {champion.source_commit[:12]} again gave another model",
            "keep models in a DVC remote, or judge where the champion was packaged",
        )


def python(project: Project, code: Path, pipeline: bool = False) -> str:
    """An interpreter with the packages that `code` locks: this one where both locks are equal, else one made by uv.

    Parameters
    ----------
    code
        Holds `uv.lock` and `pyproject.toml`.
    pipeline
        With what trains a model, not only with what serves it.
    """
    lock, ours = code / "uv.lock", project.root / "uv.lock"
    if lock.is_file() and ours.is_file() and filecmp.cmp(lock, ours, shallow=False):
        return sys.executable
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None or not lock.is_file():
        raise InfraError(
            "the champion's packages differ from today's, and uv is not here to install them", "install uv"
        )
    from mlgate.files import digest

    name = digest(lock).removeprefix("sha256:")[:16] + ("-pipeline" if pipeline else "")
    folder = project.state / "champions" / "environments" / name
    variables = {key: value for key, value in os.environ.items() if key not in INHERITED}
    variables["UV_PROJECT_ENVIRONMENT"] = str(folder)
    what = ["--extra", "pipeline"] if pipeline else ["--no-install-project"]
    run([uv, "sync", "--quiet", "--locked", "--no-dev", *what, "--project", str(code)], code, environ=variables)
    return str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
