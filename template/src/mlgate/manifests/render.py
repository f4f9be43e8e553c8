"""Rendering: the overlay of an environment, as the release's own commit has it, with that release filled in.

The source is the commit, never the working tree: the same commit and release give the same bytes on any machine.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from pathlib import Path

from mlgate.errors import ConfigError, InfraError
from mlgate.manifests.contents import examine
from mlgate.manifests.identity import canary_names, kustomization
from mlgate.manifests.kustomize import Kustomize
from mlgate.packing.release import Release
from mlgate.project import Project, run
from mlgate.yaml_file import read_yaml

SOURCE = "deploy"
CANARY = "../../canary"
LIMIT = 4 * 1024 * 1024  # bytes of deploy/
TOLD = "# Rendered by mlgate from deploy/overlays/{} of commit {}: change it there. `mlgate status` compares.\n"


def render(project: Project, environment: str, release: Release, stable: Release | None = None) -> bytes:
    """The manifests of `release` in `environment`.

    Raises
    ------
    ConfigError
        If the release has no image by digest, there is no kustomize, or what it renders is not fit to be committed.
    """
    if not release.container:
        mend = "set image.repository, then run `mlgate package --push`"
        raise ConfigError(f"release {release.version} has no image in a registry", mend)
    kustomize = Kustomize.find()
    if kustomize is None:
        raise ConfigError("neither kustomize nor kubectl is installed", "install one of them, then run this again")
    slug = project.params.project.slug
    top = kustomization(slug, environment, release, stable or release)
    for patch in top["patches"]:
        patch["patch"] = json.dumps(patch["patch"])
    with tempfile.TemporaryDirectory(prefix="mlgate-") as scratch:
        folder = Path(scratch).resolve()
        _unpack(project, release.source_commit, folder)
        _check_parts(folder)
        overlay = read_yaml(folder / SOURCE / "overlays" / environment / "kustomization.yaml")
        if CANARY in (overlay.get("components") or ()):
            top["replacements"] = canary_names()
        (folder / "kustomization.yaml").write_text(json.dumps(top, indent=1), encoding="utf-8")  # JSON is YAML
        text = kustomize.build(folder)
    examine(text, release)
    return (TOLD.format(environment, release.source_commit) + text).encode()


def _unpack(project: Project, commit: str, folder: Path) -> None:
    """deploy/ at a commit, as files; links are refused, since they could lead out of it."""
    try:
        packed = run(
            ["git", "-c", "core.autocrlf=false", "archive", "--format=tar", commit, "--", SOURCE], project.root
        )
    except InfraError as error:
        mend = f"`git log -- {SOURCE}` shows what became of it; `git fetch` brings a commit that is elsewhere"
        raise ConfigError(f"commit {commit[:12]} has no {SOURCE}/ to render", mend) from error
    content = packed.encode("utf-8", "surrogateescape")
    if len(content) > LIMIT:
        raise ConfigError(f"{SOURCE}/ has {len(content):,} bytes, more than {LIMIT:,}", "keep only manifests there")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if not (member.isfile() or member.isdir()):
                raise ConfigError(f"{member.name} is a link", "replace it by the file it points to")
        archive.extractall(folder, filter="data")


def _check_parts(folder: Path) -> None:
    """Everything that deploy/ is put together from is in it: kustomize would fetch a URL, which changes under us."""
    for path in sorted(folder.rglob("kustomization.y*ml")):
        content = read_yaml(path)
        for key in ("resources", "components", "bases") if isinstance(content, dict) else ():
            for part in content.get(key) or ():
                there = (path.parent / str(part)).resolve()
                if not (there.exists() and there.is_relative_to(folder)):
                    name = path.relative_to(folder).as_posix()
                    message = f"{name} names {part}, which is not in {SOURCE}/ of the commit"
                    raise ConfigError(message, f"copy it into {SOURCE}/, so that it is the same tomorrow")
