"""Runs in a container of the image, given to its Python as text: what is in here, and who am I?"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

COMPILER = re.compile(r"(.*-)?(gcc|g\+\+|cc|c\+\+|clang|clang\+\+|cpp|tcc|rustc|go|gfortran|make)(-?[0-9.]+)?")
INSTALLER = re.compile(r"(pip|uv|uvx|conda|mamba|poetry|easy_install)[0-9.]*")
TEST = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py")
# File systems that are the kernel's own, or gone with the container.
FLEETING = ("tmpfs", "devtmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2")
DATA = (".csv", ".parquet", ".feather", ".arrow", ".dvc", ".jsonl")


def main(root: str) -> None:
    programs = [path for folder in os.environ["PATH"].split(os.pathsep) for path in Path(folder).glob("*")]
    ours = [path for path in Path(root, "bento").rglob("*") if path.is_file()]
    kept = {"holdout.parquet"}  # hashes of rows and scores, no data
    found = {
        "compilers": [str(path) for path in programs if COMPILER.fullmatch(path.name)],
        "installers": [str(path) for path in programs if INSTALLER.fullmatch(path.name)]
        + [name for name in ("pip", "ensurepip", "setuptools", "uv") if find_spec(name)],
        "tests": [str(path) for path in ours if TEST.fullmatch(path.name) or "tests" in path.parts],
        "data": [str(path) for path in ours if path.suffix in DATA and path.name not in kept],
    }
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    who = {
        "uid": os.getuid(),
        "capabilities": int(status["CapEff"], 16),
        "no_new_privileges": int(status["NoNewPrivs"]),
        "writable": [folder for folder in ("/", root, str(Path(root, "bento")), "/usr", "/etc") if _writable(folder)],
        "kept": _kept(Path("/proc/self/mountinfo").read_text()),
    }
    sys.stdout.write(json.dumps({"found": found, "who": who}) + "\n")


def _kept(mountinfo: str) -> list[str]:
    """Folders on file systems that the kernel lets be written and that stay: whoever may write there, root or not.

    Single files are left out: an engine puts /etc/hosts and the like there, and `writable` has asked for /etc.
    """
    seen = {}
    for line in mountinfo.splitlines():  # proc(5): … mount point, its options, … - type, source, options of the whole
        own, _, whole = line.partition(" - ")
        where, options = own.split()[4:6]
        kind, *_, shared = whole.split()
        seen[where] = kind not in FLEETING and "rw" in options.split(",") and "rw" in shared.split(",")
    return [where for where, kept in seen.items() if kept and Path(where).is_dir()]


def _writable(folder: str) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main(sys.argv[1])
