"""Which engine runs the releases of a project: `--engine`, `MLGATE_ENGINE` or `deploy.engine` in params.yaml."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, cast

from mlgate.errors import ConfigError, MlgateError

if TYPE_CHECKING:
    from mlgate.engine.interface import Engine, Running
    from mlgate.project import Project

# Imported when chosen: one engine needs nothing of another.
ENGINES = {
    "process": ("processes", "Processes"),
    "container": ("containers", "Containers"),
    "kubernetes": ("kubernetes", "Kubernetes"),
    "none": ("none", "Nothing"),
}

PLACES = ("process", "kubernetes")  # that releases run in; containers are found with the processes of this machine


def engine_of(project: Project) -> Engine:
    """The engine that this call of a verb uses; ConfigError where its name is none."""
    if project.engine not in ENGINES:
        raise ConfigError(f"there is no engine {project.engine[:40]!r}", f"choose one of {', '.join(ENGINES)}")
    module, name = ENGINES[project.engine]
    return cast("Engine", getattr(import_module(f"mlgate.engine.{module}"), name)(project))


def elsewhere(project: Project, environment: str) -> dict[str, Running]:
    """What runs in `environment` where the engine of this call does not look, by the engine that finds it."""
    looked = "process" if project.engine == "container" else project.engine
    found = {}
    for name in PLACES:
        with contextlib.suppress(MlgateError):  # a cluster that tells us nothing is not known to run anything of ours
            if name != looked and (now := engine_of(replace(project, chosen_engine=name)).running(environment)):
                found[name] = now
    return found
