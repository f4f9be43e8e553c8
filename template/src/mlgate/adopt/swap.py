"""Replace many files as one: a journal of the former ones first, and back to them if anything fails, also a kill."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlgate.errors import InfraError
from mlgate.files import leftovers, write_atomic, write_json
from mlgate.project import Project

TOUCHED_BY_INGEST = ("data/raw.parquet", "data/snapshot.json", "dvc.lock")
RECORD = "paths.json"  # with it the journal counts, without it nothing is to be undone


def recover(project: Project) -> bool:
    """Undo a run that was killed half-way; says whether there was one. What was edited since stays as it is."""
    journal = _journal(project)
    if not (journal / RECORD).is_file():
        return False
    _restore(project, journal)
    return True


@contextmanager
def swapped(project: Project, new: dict[str, str], gone: list[str]) -> Iterator[None]:
    """Write `new` (path in the repository -> text) and remove `gone`; on any failure inside, all is as before."""
    journal = _journal(project)
    made = {path: _digest(text.encode("utf-8")) for path, text in new.items()} | dict.fromkeys(gone, "")
    _keep(project, journal, made)
    try:
        for path, text in new.items():
            if _text(project.root / path) != text:
                write_atomic(project.root / path, text.encode("utf-8"))
        for path in gone:
            (project.root / path).unlink(missing_ok=True)
        yield
    except BaseException:
        _restore(project, journal)
        raise
    _forget(journal)
    for folder in {parent for path in gone for parent in (project.root / path).parents}:
        if folder != project.root and folder.is_dir() and project.root in folder.parents and not any(folder.iterdir()):
            folder.rmdir()


def differing(project: Project, new: dict[str, str], gone: list[str]) -> list[str]:
    """Paths that a swap would change."""
    changed = [path for path, text in new.items() if _text(project.root / path) != text]
    return sorted([*changed, *(path for path in gone if (project.root / path).exists())])


def _journal(project: Project) -> Path:
    return project.state / "adopt-journal"


def _text(path: Path) -> str | None:
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _keep(project: Project, journal: Path, made: Mapping[str, str]) -> None:
    """Copy what is there, and note what each path is about to hold (`made`: a digest, or empty for nothing)."""
    kept: dict[str, Any] = {}
    try:
        _forget(journal)
        journal.mkdir(parents=True)
        for number, path in enumerate(dict.fromkeys([*made, *TOUCHED_BY_INGEST])):
            former = project.root / path
            kept[path] = {"former": str(number) if former.is_file() else None, "made": made.get(path)}
            if former.is_file():
                write_atomic(journal / str(number), former.read_bytes())
        write_json(journal / RECORD, kept)
    except OSError as error:
        shutil.rmtree(journal, ignore_errors=True)
        raise InfraError(
            f"cannot keep the former files in {journal}: {error.strerror}", "free space or mend the rights"
        ) from error


def _restore(project: Project, journal: Path) -> None:
    kept: dict[str, Any] = json.loads((journal / RECORD).read_bytes())
    for name, said in kept.items():
        path = project.root / name
        for half in leftovers(path):
            half.unlink(missing_ok=True)
        former = (journal / said["former"]).read_bytes() if said["former"] is not None else None
        now = path.read_bytes() if path.is_file() else None
        if now == former or _edited(now, said["made"]):
            continue
        if former is None:
            path.unlink(missing_ok=True)
        else:
            write_atomic(path, former)
    _forget(journal)


def _edited(now: bytes | None, made: str | None) -> bool:
    """Whether a file holds what neither was there nor was written: somebody has worked on it since the kill."""
    return now is not None and made is not None and _digest(now) != made


def _forget(journal: Path) -> None:
    """From one moment to the next nothing is to be undone, also where this is killed."""
    (journal / RECORD).unlink(missing_ok=True)
    shutil.rmtree(journal, ignore_errors=True)
