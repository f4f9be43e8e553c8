"""Runs in the image while it is built, with the base's own Python: bytecode, no installers, one time for all files.

It is given to the engine as text (`python3 -c`), knows the standard library alone, and takes
`folder epoch owned`: what to compile, the newest time that a file may have, and a folder for the service's user.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import site
import sys
import sysconfig
import time
from pathlib import Path

INSTALLERS = re.compile(r"(pip|setuptools|wheel|uv|pkg_resources|ensurepip|_distutils_hack)([-.].*)?")
PROGRAMS = re.compile(r"(pip|uv|uvx|wheel|easy_install)[0-9.-]*")
TESTS = re.compile(r"/(tests?|idlelib|lib2to3|turtledemo)/")
USER = 10001


def main(folder: str, epoch: int, owned: str = "") -> None:
    started, stdlib = time.time() - 2, sysconfig.get_path("stdlib")
    changed = {Path(folder), Path(stdlib), *remove_installers(stdlib)}
    for root in (folder, stdlib):
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(root, maxlevels=20, quiet=2, rx=TESTS, invalidation_mode=mode)
    if owned:
        Path(owned).mkdir(mode=0o750)
        os.chown(owned, USER, USER)
        changed |= {Path(owned), Path(owned).parent}
    for top in changed:
        for path in (top, *top.rglob("*")):
            if path.lstat().st_mtime > started:  # made or changed by us; nothing else may be copied into this layer
                os.utime(path, (epoch, epoch), follow_symlinks=False)


def remove_installers(stdlib: str) -> set[Path]:
    """Take away what could install something; return the folders that changed."""
    folders = {stdlib, *site.getsitepackages(), *(name for name in sys.path if name.endswith("-packages"))}
    found = [path for folder in folders for path in Path(folder).glob("*") if INSTALLERS.fullmatch(path.name)]
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found += [path for path in Path(folder).glob("*") if PROGRAMS.fullmatch(path.name)]
    for path in found:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    return {path.parent for path in found}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
