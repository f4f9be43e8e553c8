"""Where images are, and how one step logs in there: by a file that docker, podman, cosign and gh read."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from actionlib.problems import ActionError

ASK = """\
import json
from mlgate.project import Project
params = Project.find().params
print(json.dumps([params.image.base, params.image.repository, params.deploy.verify]))
"""


class ImageSettings(NamedTuple):
    """What params.yaml says of images: the base, where they are kept, and whose signature a deployment asks for."""

    base: str = ""
    repository: str = ""
    verify: str = ""


def image_settings() -> ImageSettings:
    """What mlgate reads in params.yaml; all empty where that fails, as the verb will say why."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(
            ["uv", "run", "--locked", "python", "-c", ASK], env=environ, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ActionError("uv is not on the PATH", "use the action `setup` before this one") from error
    return ImageSettings(*json.loads(done.stdout)) if done.returncode == 0 else ImageSettings()


def repository_of(environ: Mapping[str, str], configured: str) -> str:
    """Where images are: as the caller says, else params.yaml, else GitHub's registry and the repository's name."""
    said = environ.get("REPOSITORY") or configured or f"ghcr.io/{environ.get('GITHUB_REPOSITORY', '')}".lower()
    if not re.fullmatch(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+", said):
        raise ActionError(f"{said[:80]!r} is no image repository", "write it as REGISTRY/NAME, in small letters")
    return said


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
