"""What the engine is given: libraries and release as archives and a Dockerfile, the same bytes each time.

Archives, as engines differ in the times that they give to copied folders: what they unpack keeps those that it has.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

from mlgate.errors import InfraError
from mlgate.image import inside
from mlgate.image.base import Base
from mlgate.packing.release import RECORD, image_digest

ROOT = "/mlgate"  # a folder that no base has, so that nothing of the base is overlaid
SITE, BENTO, STATE = f"{ROOT}/site", f"{ROOT}/bento", f"{ROOT}/state"
PORT = 3000
LIBRARIES_EPOCH = 315_532_800  # 1980: their layer is the same for each commit with this lock, and is shipped once
ENVIRONMENT = {
    "PYTHONPATH": f"{BENTO}/src:{SITE}",  # ours first: no package of an index can take the name `model` or `mlgate`
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUNBUFFERED": "1",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108 - in the container, where nothing else can be written
    "BENTOML_HOME": "/tmp/bentoml",  # noqa: S108
    "BENTOML_DO_NOT_TRACK": "1",
    "OMP_WAIT_POLICY": "passive",
    "MLGATE_BUNDLE": f"{BENTO}/src",
    "MLGATE_ENVIRONMENT_STATE": STATE,
}


def fill(folder: Path, release: Path, site: Path, base: Base, epoch: int) -> None:
    """Lay out `folder` for a build.

    Raises
    ------
    InfraError
        If the copy of the release is not what its record says.
    """
    folder.mkdir()
    bento = site.parent / "bento"
    shutil.copytree(release, bento, ignore=shutil.ignore_patterns(RECORD, "__pycache__"))
    if image_digest(bento) != f"sha256:{release.name}":
        raise InfraError(f"the files in {release} are not those that were built", "run `mlgate package` again")
    _pack(folder / "libraries.tar", site, SITE, LIBRARIES_EPOCH)
    _pack(folder / "release.tar", bento, BENTO, epoch)
    (folder / "Dockerfile").write_text(dockerfile(base, epoch), encoding="utf-8")


def dockerfile(base: Base, epoch: int) -> str:
    """The recipe: libraries first, as they change least; everything in exec form, as a base may have no shell."""
    script = Path(inside.__file__).read_text(encoding="utf-8")

    def step(*arguments: str) -> str:
        return f"RUN {json.dumps([base.executable, '-B', '-c', script, *arguments])}"

    serve = [base.executable, "-m", "bentoml", "serve", BENTO, "--host", "0.0.0.0"]  # noqa: S104 - of the container
    lines = [
        f"FROM {base.reference}",
        "USER 0:0",
        "ADD libraries.tar /",
        step(SITE, str(LIBRARIES_EPOCH)),
        "ADD release.tar /",
        step(BENTO, str(epoch), STATE),
        "ENV " + " ".join(f"{name}={json.dumps(value)}" for name, value in ENVIRONMENT.items()),
        f"WORKDIR {BENTO}",
        f"USER {inside.USER}:{inside.USER}",
        f"VOLUME {json.dumps([STATE])}",
        f"EXPOSE {PORT}",
        "STOPSIGNAL SIGTERM",
        f"ENTRYPOINT {json.dumps([*serve, '--port', str(PORT), '--api-workers', '1'])}",
        "CMD []",
    ]
    return "\n".join(lines) + "\n"


def _pack(archive: Path, folder: Path, inside: str, epoch: int) -> None:
    """Write `folder` as what is to lie at `inside`: order, rights, owners and times depend on no umask and no clock."""

    def settled(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = epoch
        if not member.issym():
            member.mode = 0o755 if member.isdir() else 0o644
        return member

    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as stream:
        for parent in reversed(Path(inside[1:]).parents[:-1]):
            top = tarfile.TarInfo(str(parent))
            top.type = tarfile.DIRTYPE
            stream.addfile(settled(top))
        stream.add(folder, inside[1:], filter=settled)
