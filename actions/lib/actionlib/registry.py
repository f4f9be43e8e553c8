"""Credentials for a registry, for one step alone, in a file that docker, podman, crane, cosign and gh read."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def logged_in(registry: str, token: str) -> Iterator[None]:
    """Children of this step are logged in to the registry, and nothing of it is left afterwards; no token, no login."""
    if not (registry and token):
        yield
        return
    user = os.environ.get("GITHUB_ACTOR", "token")
    said = {"auths": {registry: {"auth": base64.b64encode(f"{user}:{token}".encode()).decode()}}}
    former = os.environ.get("DOCKER_CONFIG")
    with tempfile.TemporaryDirectory(dir=os.environ.get("RUNNER_TEMP")) as folder:
        path = Path(folder) / "config.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(said), encoding="utf-8")
        os.environ["DOCKER_CONFIG"] = folder
        try:
            yield
        finally:
            os.environ.pop("DOCKER_CONFIG")
            if former is not None:
                os.environ["DOCKER_CONFIG"] = former
