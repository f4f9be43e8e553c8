"""Which engine runs the releases of a project: `--engine`, `MLGATE_ENGINE` or `deploy.engine` in params.yaml."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from mlgate.errors import ConfigError

if TYPE_CHECKING:
    from mlgate.engine.interface import Engine
    from mlgate.project import Project

# Imported when chosen: one engine needs nothing of another.
ENGINES = {
    "process": ("processes", "Processes"),
    "container": ("containers", "Containers"),
    "kubernetes": ("kubernetes", "Kubernetes"),
    "none": ("none", "Nothing"),
}


def engine_of(project: Project) -> Engine:
    """The engine that this call of a verb uses; ConfigError where its name is none."""
    if project.engine not in ENGINES:
        raise ConfigError(f"there is no engine {project.engine[:40]!r}", f"choose one of {', '.join(ENGINES)}")
    module, name = ENGINES[project.engine]
    return cast("Engine", getattr(import_module(f"mlgate.engine.{module}"), name)(project))
