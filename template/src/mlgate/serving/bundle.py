"""Where a running service finds its release, and where it may keep something."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path

from mlgate.errors import ConfigError

log = logging.getLogger("mlgate.serving.bundle")
ARTIFACTS = "artifacts"


def bundle_root() -> Path:
    """The folder that holds the `model` package and `artifacts/`; `MLGATE_BUNDLE` overrides it."""
    if given := os.environ.get("MLGATE_BUNDLE"):
        return Path(given).resolve()
    spec = find_spec("model")
    if spec is None or not spec.origin:
        raise ConfigError("there is no package `model` to serve", "start the service from a built release")
    return Path(spec.origin).resolve().parent.parent


def environment_state() -> Path | None:
    """The folder of the environment on this machine, if there is one that can be written."""
    given = os.environ.get("MLGATE_ENVIRONMENT_STATE")
    if not given:
        log.warning("MLGATE_ENVIRONMENT_STATE is not set: predictions are neither logged nor remembered")
        return None
    return Path(given).resolve()


def key_state(environment: Path | None) -> Path | None:
    """Where the pseudonym key lies: above the environments, as their predictions meet the same labels."""
    if environment is not None and environment.parent.name == "environments":
        return environment.parent.parent
    return environment
