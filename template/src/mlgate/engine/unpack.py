"""A release on a machine that never built it: its files, taken out of its image and compared with their digest."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from mlgate.errors import DataError, InfraError
from mlgate.files import write_atomic
from mlgate.folder import replacement
from mlgate.image.context import BENTO
from mlgate.packing.release import RECORD, Release, image_digest
from mlgate.project import Project


class Client(Protocol):
    """A container engine's command line."""

    def say(self, *arguments: str, check: bool = True) -> str:
        """What it prints."""


def unpack(client: Client, reference: str, project: Project, release: Release) -> Path:
    """Put the files of `release` where `mlgate package` would have put them; nothing of the image is run.

    Raises
    ------
    DataError
        If the image's files are not those that the release's digest names.
    InfraError
        If the image cannot be read.
    """
    (project.state / "releases").mkdir(parents=True, exist_ok=True)
    with replacement(project.state / "releases" / release.hex) as folder:
        container = client.say("create", reference)
        try:
            client.say("cp", f"{container}:{BENTO}/.", str(folder))
        finally:
            client.say("rm", "--volumes", container, check=False)
        for compiled in folder.rglob("__pycache__"):  # made for the image, and no part of the release
            shutil.rmtree(compiled)
        try:
            found = image_digest(folder)
        except InfraError as error:
            raise DataError(f"{reference}: {error}", "deploy another release") from error
        if found != release.image:
            message = f"the files in {reference} are not release {release.version}: {found}, not {release.image}"
            raise DataError(message, "deploy another release")
        write_atomic(folder / RECORD, release.model_dump_json(indent=2).encode() + b"\n")
    return project.state / "releases" / release.hex
