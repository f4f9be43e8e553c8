"""The Bento: a folder that serves the model with nothing but its locked requirements, and always the same bytes.

Run as a program (`python -m mlgate.packing.bento STAGE RESULT`), because building imports the service's own code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlgate.errors import InfraError
from mlgate.files import write_json
from mlgate.project import Project, begun, bytecode, run

SERVICE, NAME = "model.service:Service", "model"
SPEC = "spec.json"  # beside the stage: version, labels, when
REQUIREMENTS = "requirements.txt"
# What the build will need, but for the artifacts.
LIBRARIES = ("bentoml", "skops.io", "mlgate.serving.runtime", "model.features", "model.model", "model.schema")


@contextmanager
def builder(project: Project, stage: Path, result: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Start what builds the Bento of the files in `stage` as the folder `result`, in a process of its own.

    It loads its libraries, which takes seconds, while the stage is filled; the yielded function says that this is
    done, takes the `spec`, and waits for the end.

    Parameters
    ----------
    stage
        Holds `model/`, `mlgate/`, `params.yaml`, `pyproject.toml` and `uv.lock`; in the end also `artifacts/`.
    spec
        `version`, `labels` (text to text) and `created` (ISO, of the commit: the same commit gives the same bytes).

    Raises
    ------
    InfraError
        If uv is missing, or BentoML or the service fails, with its last words.
    """
    command = [sys.executable, "-m", "mlgate.packing.bento", str(stage), str(result)]
    kept = Path(*bytecode(project.state).values(), *stage.parent.parts[1:])
    try:
        with begun(command, stage, environ=_environ(project, stage, result)) as wait:

            def build(spec: Mapping[str, Any]) -> None:
                lock(project, stage)
                write_json(stage.parent / SPEC, dict(spec))
                wait()

            yield build
    finally:
        shutil.rmtree(kept, ignore_errors=True)  # no other stage will ever have this path


def _environ(project: Project, stage: Path, result: Path) -> dict[str, str]:
    """Variables under which the staged code is what Python finds, and BentoML keeps its files beside the result."""
    environ = project.environ(
        {
            "PYTHONPATH": str(stage),
            "MLGATE_BUNDLE": str(stage),
            "BENTOML_HOME": str(result.parent / "home"),
            "PATH": os.pathsep.join([str(uv().parent), project.environ()["PATH"]]),
            **bytecode(project.state),
        }
    )
    environ.pop("MLGATE_ENVIRONMENT_STATE", None)
    return environ


def uv() -> Path:
    """The uv that runs us, or the one on PATH; BentoML asks for one, and would otherwise fetch it."""
    beside = str(Path(sys.executable).parent)
    found = os.environ.get("UV") or shutil.which("uv") or shutil.which("uv", path=beside)
    if not found:
        raise InfraError("uv is not on PATH", "run verbs by `uv run mlgate ...`")
    return Path(found)


def lock(project: Project, stage: Path) -> None:
    """Write what the service needs at run time, as `uv.lock` pins it, into the stage."""
    command = [str(uv()), "export", "--frozen", "--offline", "--no-dev", "--no-emit-project", "--no-hashes"]
    text = run([*command, "--no-header", "--no-annotate", "--quiet"], stage, environ=project.environ())
    (stage / REQUIREMENTS).write_text(text, encoding="utf-8")


def golden(rows: list[dict[str, Any]], stage: Path) -> None:
    """Score `rows` through the very code that will serve them, and keep the answers as the smoke test's measure."""
    from mlgate.serving.runtime import Runtime

    path = stage / "artifacts" / "golden.json"
    runtime = Runtime(stage)
    body, _ = runtime.predict(json.dumps({"rows": rows}).encode())
    runtime.close()
    words = ("scores", "score", "prediction")
    answers = json.loads(body)["predictions"]
    scores = [next(answer[word] for word in words if word in answer) for answer in answers]
    write_json(path, {"rows": rows, "scores": scores})


def _build(stage: Path, result: Path) -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    sys.stdin.read()  # ends when the stage is complete
    import bentoml

    spec = json.loads((stage.parent / SPEC).read_bytes())
    golden(json.loads((stage / "artifacts" / "golden.json").read_bytes())["rows"], stage)
    bento = bentoml.bentos.build(
        SERVICE,
        name=NAME,
        labels=spec["labels"],
        description=spec["description"],
        include=["**/*"],
        exclude=["**/__pycache__"],
        version=spec["version"],
        build_ctx=str(stage),
        python={"packages": _requirements(stage), "lock_packages": False, "pack_git_packages": False},
    )
    shutil.copytree(bento.path, result, dirs_exist_ok=True)
    _settle(result / "bento.yaml", spec["created"])
    (result / "env" / "python" / "requirements.in").unlink(missing_ok=True)


def _requirements(stage: Path) -> list[str]:
    lines = (stage / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith(("#", "-"))]


def _settle(path: Path, created: str) -> None:
    """The moment of the commit in place of the moment of the build."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    fixed = [f"creation_time: '{created}'\n" if line.startswith("creation_time:") else line for line in lines]
    path.write_text("".join(fixed), encoding="utf-8")


if __name__ == "__main__":
    gc.disable()  # it lives for seconds, most of them spent on imports
    _build(Path(sys.argv[1]), Path(sys.argv[2]))
    gc.freeze()  # Python's end searches for cycles all the same
