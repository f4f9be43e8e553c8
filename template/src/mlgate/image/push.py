"""An image in a registry: pushed once, and named by the digest that the registry has for it."""

from __future__ import annotations

import os
from datetime import datetime

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
    Packed once more by the same commit, a release keeps the time of the build that an environment runs: what is signed
    of it anew has to be about that one.
    """
    target = repository(project)
    for known in (release, *_in_ledger(project, release)):
        named = known.container
        if named and Reference.parse(named).name == target.name and registry.digest(Reference.parse(named)):
            again = release.model_copy(update={"container": named, "built": known.built})
            return record(project, release, named, known.built if again == known else release.built)
    return None


def _in_ledger(project: Project, release: Release) -> list[Release]:
    """Releases of this very Bento that an environment's branch names."""
    found, ledger = [], Ledger(project)
    for environment in ENVIRONMENTS:
        try:
            entry = ledger.read(environment)
        except MlgateError:  # a damaged record is told by the verbs that need it
            continue
        if entry and entry.image == release.image:
            found.append(entry)
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
    return record(project, release, named, release.built)


def record(project: Project, release: Release, container: str, built: datetime) -> Release:
    """Keep the image's name beside the release, and when it was built first; neither is part of the Bento's digest."""
    kept = release.model_copy(update={"container": container, "built": built})
    if kept != release:
        path = project.state / "releases" / kept.hex / RECORD
        write_atomic(path, kept.model_dump_json(indent=2).encode() + b"\n")
    return kept
