"""Replace many files as one: a journal of the former ones first, and back to them if anything fails, also a kill."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlgate.errors import InfraError
from mlgate.files import write_atomic, write_json
from mlgate.project import Project

TOUCHED_BY_INGEST = ("data/raw.parquet", "data/snapshot.json", "dvc.lock")


def recover(project: Project) -> bool:
    """Undo a run that was killed half-way; says whether there was one."""
    journal = _journal(project)
    if not (journal / "paths.json").is_file():
        return False
    _restore(project, journal)
    return True


@contextmanager
def swapped(project: Project, new: dict[str, str], gone: list[str]) -> Iterator[None]:
    """Write `new` (path in the repository -> text) and remove `gone`; on any failure inside, all is as before."""
    journal = _journal(project)
    paths = [*new, *gone, *TOUCHED_BY_INGEST]
    _keep(project, journal, paths)
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
    for folder in {parent for path in gone for parent in (project.root / path).parents}:
        if folder != project.root and folder.is_dir() and project.root in folder.parents and not any(folder.iterdir()):
            folder.rmdir()
    shutil.rmtree(journal, ignore_errors=True)


def differing(project: Project, new: dict[str, str], gone: list[str]) -> list[str]:
    """Paths that a swap would change."""
    changed = [path for path, text in new.items() if _text(project.root / path) != text]
    return sorted([*changed, *(path for path in gone if (project.root / path).exists())])


def _journal(project: Project) -> Path:
    return project.state / "adopt-journal"


def _text(path: Path) -> str | None:
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else None


def _keep(project: Project, journal: Path, paths: list[str]) -> None:
    kept: dict[str, str | None] = {}
    try:
        shutil.rmtree(journal, ignore_errors=True)
        journal.mkdir(parents=True)
        for number, path in enumerate(dict.fromkeys(paths)):
            if (project.root / path).is_file():
                shutil.copy2(project.root / path, journal / str(number))
                kept[path] = str(number)
            else:
                kept[path] = None
        write_json(journal / "paths.json", kept)
    except OSError as error:
        shutil.rmtree(journal, ignore_errors=True)
        raise InfraError(
            f"cannot keep the former files in {journal}: {error.strerror}", "free space or mend the rights"
        ) from error


def _restore(project: Project, journal: Path) -> None:
    kept: dict[str, str | None] = json.loads((journal / "paths.json").read_bytes())
    for path, copy in kept.items():
        if copy is None:
            (project.root / path).unlink(missing_ok=True)
        elif (project.root / path).is_file() and (project.root / path).read_bytes() == (journal / copy).read_bytes():
            continue
        else:
            write_atomic(project.root / path, (journal / copy).read_bytes())
    shutil.rmtree(journal, ignore_errors=True)
