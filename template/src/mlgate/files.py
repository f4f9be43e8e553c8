"""Files that are whole or absent: atomic writes, digests, JSON, a scratch folder that vanishes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mlgate.errors import InfraError


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader or a crash sees the old file or the new, never half.

    Raises
    ------
    InfraError
        If the disk is full, read-only or fails to sync; the former file is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InfraError(f"cannot write {path}: {error.strerror}", "free space or make the folder writable") from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise InfraError(f"cannot write {path}: {error.strerror}", "free space or make the folder writable") from error
    finally:
        Path(name).unlink(missing_ok=True)


def leftovers(path: Path) -> list[Path]:
    """What runs that were killed in `write_atomic` have left beside `path`."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}")  # as `mkstemp` makes them
    return [found for found in path.parent.glob(".*") if name.fullmatch(found.name)]


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinity are refused, as no JSON reader accepts them."""
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n")


def digest(path: Path) -> str:
    """SHA-256 of a file, as `sha256:<64 hex>`."""
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def digest_tree(root: Path, skip: Collection[str] = ()) -> str:
    """SHA-256 of a folder's files (path and content), as `sha256:<64 hex>`; symlinks are refused.

    `skip` names files by their path relative to `root`.
    """
    total = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_symlink() or p.is_file()):
        if path.relative_to(root).as_posix() in skip:
            continue
        if path.is_symlink():
            raise InfraError(f"{path} is a symlink", "replace it by the file it points to")
        total.update(f"{path.relative_to(root).as_posix()}\0{digest(path)}\n".encode())
    return "sha256:" + total.hexdigest()
