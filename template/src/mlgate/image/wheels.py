"""The service's libraries, from the release's own lock and with its hashes, as a folder for the base's Python.

uv runs here and not in the image: neither it nor a compiler, an index's address or a login can get into a layer, the
build needs no network, and what was downloaded once is taken from uv's cache. Only wheels are taken, as a source
distribution would be built on this machine for another one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from mlgate.errors import InfraError
from mlgate.image.base import Base
from mlgate.packing.bento import uv
from mlgate.project import run

LEFT = ("bin", ".lock", "lib64")  # programs would name this machine's Python
_FROM_PIP = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_CERT": "SSL_CERT_FILE"}
_TAKEN = {"UV_DEFAULT_INDEX": ("UV_INDEX_URL",), "UV_INDEX": ("UV_EXTRA_INDEX_URL",)}


def install(bundle: Path, base: Base, work: Path, target: Path) -> int:
    """Fill `target` with what `bundle`'s uv.lock pins for serving; return the bytes of its files.

    Raises
    ------
    InfraError
        If the lock doesn't fit the base's Python, a hash differs, or the index has no wheel for the platform.
    """
    project = work / "locked"
    project.mkdir()
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copyfile(bundle / name, project / name)
    environ, program = environment(os.environ), str(uv())
    export = ("export", "--frozen", "--offline", "--no-dev", "--no-emit-project", "--no-annotate", "--no-header")
    wanted = run([program, *export, "--quiet"], project, environ=environ)
    (project / "requirements.txt").write_text(wanted, encoding="utf-8")
    options = [
        "--target", str(target), "--python-version", base.version, "--python-platform", base.platform,
        "--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy", "--no-compile-bytecode",
    ]  # fmt: skip
    command = [program, "pip", "install", "--quiet", *options, "--requirement", "requirements.txt"]
    try:
        run(command, project, environ=environ)
    except InfraError as error:
        where = f"Python {base.version} on {base.platform}"
        mend = f"the index must have wheels for {where} with the hashes of uv.lock; see docs/images.md"
        raise InfraError(f"the service's libraries can't be installed: {error}", mend) from error
    for name in LEFT:
        path = target / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Variables for uv: what pip is told of an index holds for uv as well, unless uv is told something else."""
    found = {name: value for name, value in given.items() if name != "VIRTUAL_ENV"}
    for pip, ours in _FROM_PIP.items():
        if given.get(pip) and not any(given.get(name) for name in (ours, *_TAKEN.get(ours, ()))):
            found[ours] = given[pip]
    return found
