"""From a release to its image: built once for a release and a base, found again where it was."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlgate.errors import InfraError
from mlgate.image import base, compare, context, verdicts, wheels
from mlgate.image.engines import Engine
from mlgate.image.labels import BENTO, OCI, labels, source
from mlgate.packing.release import Release, check_release
from mlgate.project import Project
from mlgate.report import Check


@dataclass(frozen=True)
class Image:
    """An image that the engine has, and what it weighs: bytes of the whole, of the base, of the libraries."""

    tag: str
    identity: str
    size: int
    base_size: int
    libraries: int
    built: bool


def tag_of(project: Project, release: Release) -> str:
    """The name of a release's image on this machine."""
    return f"mlgate-{project.params.project.slug}:{release.hex[:12]}"


def build(project: Project, engine: Engine, release: Release, fresh: bool = False, tag: str = "") -> Image:
    """The image of a release on this machine; a second call finds it and does nothing.

    Parameters
    ----------
    fresh
        Build it in any case, from nothing.
    tag
        Another name than `tag_of`.

    Raises
    ------
    ConfigError
        If params.yaml names no base, or one that can't be used.
    InfraError
        If the release was changed, or the engine, a registry, an index or the disk fails; nothing is left then.
    """
    reference, tag = base.named(project.params.image.base), tag or tag_of(project, release)
    folder = project.state / "releases" / release.hex
    check_release(folder)
    if not fresh and (found := _found(engine, tag, release, reference)):
        return found
    known = base.look(engine, reference)
    created = _created(folder)
    project.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=project.state, prefix=".package.") as name:
        work = Path(name)
        libraries = wheels.install(folder / "src", known, work, work / "site")
        context.fill(work / "context", folder, work / "site", known, int(created.timestamp()))
        said = labels(release, folder / "src", reference, source(project), created.isoformat())
        said |= {"mlgate.libraries-bytes": str(libraries)}
        engine.build(work / "context", tag, said, int(created.timestamp()), fresh)
    found = _found(engine, tag, release, reference)
    if not found:
        raise InfraError(f"{engine.name} built no image {tag}", "run `mlgate package --image` again")
    return Image(**{**found.__dict__, "built": True})


def fetch(project: Project, engine: Engine, release: Release) -> Image | None:
    """The release's image out of its registry, rather than built again; None where it is not on this base."""
    reference, tag = base.named(project.params.image.base), tag_of(project, release)
    if not (found := _found(engine, tag, release, reference)):
        for needed in (release.container, reference):
            base.fetch(engine, needed)
        engine.say("tag", release.container, tag)
        found = _found(engine, tag, release, reference)
    return found


def _found(engine: Engine, tag: str, release: Release, reference: str) -> Image | None:
    """The image under `tag`, if it is of this release and on this base."""
    known = engine.inspect(tag)
    if not known:
        return None
    said = labels_of(known)
    if (said.get(BENTO), said.get(f"{OCI}.base.digest")) != (release.image, reference.rpartition("@")[2]):
        return None
    size = int((engine.inspect(reference) or {}).get("Size") or 0)
    identity = str(known.get("Id") or known.get("FromImageID") or "").removeprefix("sha256:")
    libraries = int(said.get("mlgate.libraries-bytes", 0))
    return Image(tag, identity, int(known.get("Size") or 0), size, libraries, built=False)


def labels_of(known: dict[str, object]) -> dict[str, str]:
    """The labels in what an engine says of an image; each engine has its own place for them."""
    for name in ("Config", "OCIv1", "Docker"):
        part = known.get(name)
        part = part.get("config", part) if isinstance(part, dict) else {}
        if isinstance(part, dict) and isinstance(part.get("Labels"), dict):
            return {str(key): str(value) for key, value in part["Labels"].items()}
    return {}


def _created(folder: Path) -> datetime:
    """The moment of the commit, as the Bento has it."""
    text = (folder / "bento.yaml").read_text(encoding="utf-8")
    found = re.search(r"^creation_time: '?([^'\n]+)'?$", text, re.MULTILINE)
    if not found:
        raise InfraError(f"{folder / 'bento.yaml'} names no creation_time", "run `mlgate package` again")
    return datetime.fromisoformat(found[1])


def layers(engine: Engine, image: Image) -> list[tuple[int, str]]:
    """Bytes and content of each layer above the base, and of the base; empty where the engine can't say."""
    names = ("bytecode of the release", "the release", "bytecode of the libraries", "the libraries")
    try:
        steps = engine.steps(image.tag)
    except InfraError:
        return []
    ours = [(size, name) for (size, _), name in zip(steps, names, strict=False)]
    return [*ours, (image.base_size, "the base")]


def twice(project: Project, engine: Engine, release: Release, image: Image) -> Check:
    """Whether a second build from nothing gives the same layers; the report says which differ."""
    again = build(project, engine, release, fresh=True, tag=f"{image.tag}-again")
    try:
        one, other = (compare.layers(engine.inspect(tag) or {}) for tag in (image.tag, again.tag))
    finally:
        engine.remove(again.tag)
    return verdicts.reproducible(compare.differences(one, other), len(one))
