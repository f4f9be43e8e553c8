"""An image in a registry: pushed once, and named by the digest that the registry has for it."""

from __future__ import annotations

import os

from mlgate.errors import ConfigError, InfraError, MlgateError
from mlgate.files import write_atomic
from mlgate.image import registry
from mlgate.image.build import Image
from mlgate.image.engines import Engine
from mlgate.image.reference import Reference
from mlgate.ledger import ENVIRONMENTS, Ledger
from mlgate.packing.release import RECORD, Release
from mlgate.project import Project

REPOSITORY = "MLGATE_IMAGE_REPOSITORY"


def repository(project: Project) -> Reference:
    """Where images go: MLGATE_IMAGE_REPOSITORY, else params.yaml; ConfigError where neither says."""
    given = os.environ.get(REPOSITORY) or project.params.image.repository
    if not given:
        mend = f"set image.repository in params.yaml, or {REPOSITORY}, to REGISTRY/NAME"
        raise ConfigError("there is no repository to push to", mend)
    found = Reference.parse(given)
    if found.digest or found.tag not in ("", "latest"):
        raise ConfigError(f"{given} has a tag or digest", "name the repository alone: REGISTRY/NAME")
    return found


def pushed(project: Project, release: Release) -> Release | None:
    """The release with the image that its repository has already: by its own record, or an environment's branch.

    What a registry says of a tag is not believed: whoever may write there could have put another image under it.
    """
    target = repository(project)
    for known in (release.container, *_in_ledger(project, release)):
        if known and Reference.parse(known).name == target.name and registry.digest(Reference.parse(known)):
            return record(project, release, known)
    return None


def _in_ledger(project: Project, release: Release) -> list[str]:
    """Images of this very Bento that an environment's branch names."""
    found, ledger = [], Ledger(project)
    for environment in ENVIRONMENTS:
        try:
            entry = ledger.read(environment)
        except MlgateError:  # a damaged record is told by the verbs that need it
            continue
        if entry and entry.image == release.image:
            found.append(entry.container)
    return found


def push(project: Project, engine: Engine, image: Image, release: Release) -> Release:
    """Push the image, make sure that the registry has that very one, and record its name by digest.

    Raises
    ------
    ConfigError
        If no repository is named, or the registry lets us not in.
    InfraError
        If the engine or the registry fails, or somebody else pushed to our tag meanwhile.
    """
    target = repository(project)
    tag = f"{target.name}:{release.hex[:32]}"
    engine.push(image.tag, tag, target.loopback)
    digest = registry.digest(Reference.parse(tag))
    if not digest:
        raise InfraError(f"{target.registry} took the image and has it not", "push again, or ask who runs it")
    named = f"{target.name}@{digest}"
    configuration = str(registry.manifest(Reference.parse(named)).get("config", {}).get("digest", ""))
    if image.identity not in (configuration.removeprefix("sha256:"), digest.removeprefix("sha256:")):
        raise InfraError(f"what {tag} names is not the image that was pushed", "see who else pushes to this repository")
    return record(project, release, named)


def record(project: Project, release: Release, container: str) -> Release:
    """Keep the image's name beside the release; it is no part of the Bento's digest."""
    if release.container != container:
        release = release.model_copy(update={"container": container})
        path = project.state / "releases" / release.hex / RECORD
        write_atomic(path, release.model_dump_json(indent=2).encode() + b"\n")
    return release
