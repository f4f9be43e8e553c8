"""What the engine is given: a folder with the libraries, the release and a Dockerfile, the same bytes each time."""

from __future__ import annotations

import json
import os
import shutil
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
    """Lay out `folder` for a build; `site` is moved into it.

    Raises
    ------
    InfraError
        If the copy of the release is not what its record says.
    """
    libraries, bento = folder / "libraries" / SITE[1:], folder / "release" / BENTO[1:]
    libraries.parent.mkdir(parents=True)
    site.rename(libraries)
    shutil.copytree(release, bento, ignore=shutil.ignore_patterns(RECORD, "__pycache__"))
    if image_digest(bento) != f"sha256:{release.name}":
        raise InfraError(f"the files in {release} are not those that were built", "run `mlgate package` again")
    _settle(folder / "libraries", LIBRARIES_EPOCH)
    _settle(folder / "release", epoch)
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
        "COPY libraries/ /",
        step(SITE, str(LIBRARIES_EPOCH)),
        "COPY release/ /",
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


def _settle(folder: Path, epoch: int) -> None:
    """Rights and times that depend on no umask and no clock."""
    for path in [*folder.rglob("*"), folder]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
