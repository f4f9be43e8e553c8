"""Packages the judged model and, where there is a base, its image; a push gets credentials for this one step alone."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import run_verb
from actionlib.problems import ActionError, ended
from actionlib.workflow import output

CONTAINER = re.compile(r"([^\s@]+)@(sha256:[0-9a-f]{64})")
UNSET = {"release": "", "container": "", "container-name": "", "container-digest": ""}


def main() -> int:
    output(UNSET)
    push = os.environ.get("PUSH") == "true"
    repository = repository_of(os.environ) if push else os.environ.get("REPOSITORY", "")
    token = os.environ.pop("REGISTRY_TOKEN", "")
    if repository:
        os.environ["MLGATE_IMAGE_REPOSITORY"] = repository
    flags: list[str] = []  # until `package` builds images
    with logged_in(repository, token) if push and token else contextlib.nullcontext():
        code = run_verb.main(["mlgate", "package", *flags])
    output(built(Path.cwd()) if code == 0 else UNSET)
    return code


def repository_of(environ: os._Environ[str]) -> str:
    """Where to push: what the caller says; by default GitHub's registry, under the repository's own name."""
    said = environ.get("REPOSITORY", "") or f"ghcr.io/{environ.get('GITHUB_REPOSITORY', '')}".lower()
    if not re.fullmatch(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+", said):
        raise ActionError(f"{said[:80]!r} is no image repository", "write it as REGISTRY/NAME, in small letters")
    return said


@contextlib.contextmanager
def logged_in(repository: str, token: str) -> Iterator[None]:
    """Credentials for the repository's registry in a file of this step; docker, podman and crane read it."""
    registry = repository.partition("/")[0]
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


def built(project: Path) -> dict[str, str]:
    """What the next jobs need to know of the release that `package` reports."""
    report = json.loads((project / "reports" / "package.json").read_bytes())
    digest = report["subject"]["image_digest"].removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ActionError("reports/package.json names no release", "look at the log of `mlgate package`")
    record = project / ".mlgate" / "releases" / digest / "release.json"
    container = json.loads(record.read_bytes()).get("container", "")
    found = CONTAINER.fullmatch(container)
    name, image = (found[1], found[2]) if found else ("", "")
    return {"release": digest, "container": container, "container-name": name, "container-digest": image}


if __name__ == "__main__":
    sys.exit(ended(main))
