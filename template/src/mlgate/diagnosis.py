"""What can be wrong with a machine or a configuration: one small check each, for `mlgate doctor`."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable

from mlgate.errors import ConfigError, DataError, InfraError, MlgateError
from mlgate.project import Project, run
from mlgate.report import Check

Diagnosis = Callable[[Project], str]
_SPARE = 2 * 1024**3  # bytes free below which a build or an MLflow run may stop half-way


def diagnose(project: Project, name: str, check: Diagnosis) -> Check:
    """Run one check: what it returns is the evidence, what it raises is the finding with its mend."""
    title = (check.__doc__ or name).splitlines()[0]
    try:
        return Check(id=name, title=title, status="pass", evidence=check(project))
    except MlgateError as error:
        return Check(id=name, title=title, status="fail", evidence=str(error), mend=error.mend)


def _git(project: Project) -> str:
    """The repository has a commit."""
    if not project.commit:
        raise ConfigError("no commit yet", "git add -A && git commit -m 'first commit'")
    return f"at {project.commit[:12]}"


def _identity(project: Project) -> str:
    """Git knows who commits."""
    name = project.git("config", "user.name", check=False)
    if not name or not project.git("config", "user.email", check=False):
        raise ConfigError("Git has no identity", "git config user.name NAME && git config user.email ADDRESS")
    return name


def _python(project: Project) -> str:
    """Python is the version that .python-version names."""
    wanted = (project.root / ".python-version").read_text(encoding="utf-8").strip()
    found = ".".join(map(str, sys.version_info[:3]))
    if f"{found}.".split(".")[:2] != wanted.split(".")[:2]:
        raise ConfigError(f"this is Python {found}, .python-version says {wanted}", "run `uv sync`")
    return found


def _lock(project: Project) -> str:
    """uv.lock fits pyproject.toml."""
    if not (uv := shutil.which("uv")):
        raise InfraError("uv is not on PATH", "install uv: pip install uv")
    try:
        run([uv, "lock", "--check", "--offline"], project.root)
    except InfraError as error:
        raise ConfigError(str(error), "run `uv lock`, and commit uv.lock") from error
    return "in step"


def _params(project: Project) -> str:
    """params.yaml has every key, and each makes sense."""
    return f"{project.params.project.slug}, {project.params.data.task}"


def _model(project: Project) -> str:
    """src/model imports, and offers what the verbs call."""
    import importlib

    from mlgate.table.roles import agree, columns

    try:
        parts = {name: importlib.import_module(f"model.{name}") for name in ("data", "schema", "features", "model")}
    except Exception as error:  # the user's code may raise anything
        raise ConfigError(f"{type(error).__name__}: {error}", "mend src/model") from error
    wanted = {"data": "load", "schema": "Labelled", "features": "FEATURES", "model": "build"}
    missing = [f"model.{name}.{word}" for name, word in wanted.items() if not hasattr(parts[name], word)]
    if missing:
        raise ConfigError(f"missing: {', '.join(missing)}", "see docs/architecture.md")
    schema = parts["schema"]
    agree(columns(schema.Inputs), columns(schema.Labelled), project.params)
    return f"{len(parts['features'].FEATURES)} features"


def _data(project: Project) -> str:
    """There is a data version, and it is the one that dvc.lock names."""
    from mlgate.versions.store import recorded

    if not project.raw.exists():
        raise ConfigError("no data version yet", "run `mlgate ingest`")
    if not recorded(project, "ingest", project.raw):
        raise DataError(
            "data/raw.parquet is not the version in dvc.lock", "run `mlgate ingest`, or `git checkout data`"
        )
    return "data/raw.parquet is the version in dvc.lock"


def _tracking(project: Project) -> str:
    """The MLflow registry answers."""
    from mlgate.training.tracking import reach

    return reach(project)


def _state(project: Project) -> str:
    """The state folder can be written, and the disk has room."""
    folder = project.state
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise InfraError(f"cannot write {folder}: {error.strerror}", "set MLGATE_STATE to a folder of yours") from error
    free = shutil.disk_usage(folder).free
    if free < _SPARE:
        raise InfraError(f"{free / 1024**3:.1f} GB free in {folder}", "free at least 2 GB")
    return f"{free / 1024**3:.0f} GB free"


def _ports(project: Project) -> str:
    """The ports of the environments are free, or ours."""
    from mlgate.engine import engine_of

    taken = []
    for environment, port in project.params.serving.ports.items():
        with socket.socket() as probe:
            free = probe.connect_ex(("127.0.0.1", port)) != 0
        if not free and not engine_of(project).running(environment):
            taken.append(f"{port} ({environment})")
    if taken:
        raise ConfigError(f"in use by another program: {', '.join(taken)}", "change serving.ports in params.yaml")
    return ", ".join(f"{name} {port}" for name, port in project.params.serving.ports.items())


def _hooks(project: Project) -> str:
    """The pre-commit hooks are installed."""
    hooks = project.git("rev-parse", "--git-path", "hooks")
    path = project.root / hooks / "pre-commit"
    if not path.exists():
        raise ConfigError("no pre-commit hook in this clone", "run `uv run pre-commit install`")
    return "installed"


def _signatures(project: Project) -> str:
    """What checks the signatures of images is here."""
    from mlgate.provenance.verify import ready

    return ready(project)


def _images(project: Project) -> str:
    """The registry has the images that the ledgers name."""
    from mlgate.provenance.retained import kept

    return kept(project)


def _image(project: Project) -> str:
    """An image can be built: an engine answers, and its base is where it was."""
    from mlgate.image.base import ready

    return ready(project.params.image.base)


DIAGNOSES: dict[str, Diagnosis] = {
    "git": _git,
    "identity": _identity,
    "python": _python,
    "lock": _lock,
    "params": _params,
    "model": _model,
    "data": _data,
    "tracking": _tracking,
    "state": _state,
    "ports": _ports,
    "pre-commit": _hooks,
    "signatures": _signatures,
    "images": _images,
    "image": _image,
}
