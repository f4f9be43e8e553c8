"""Whether a verdict still stands: the same model, rows, champion, rules and code give the same one again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from mlgate.files import digest, digest_tree, write_atomic, write_json
from mlgate.judging import slices
from mlgate.ledger import Ledger
from mlgate.project import Project
from mlgate.report import Report

KEY, METRICS = "evaluate.key.json", "metrics.json"
RETRAINED = "retrain"  # folder of the reports that `retrain` brought from its second checkout


def evaluation_key(project: Project) -> str:
    """Digest of everything that `evaluate` looks at; empty where a part is missing or a symlink: never a match."""
    root = project.root
    files = [project.raw, root / "data" / "split.json", project.models / "model.json"]
    if any(path.is_symlink() or not path.is_file() for path in files):
        return ""
    said = project.params.model_dump(mode="json")
    lock = root / "uv.lock"
    content = {
        "params": {name: said[name] for name in ("data", "gates", "split", "quality")},
        "files": [digest(path) for path in files],
        "models": digest_tree(project.models),
        "code": _code(Path(__file__).parent),
        "lock": digest(lock) if lock.is_file() else "",
        "champion": Ledger(project).head("production"),
    }
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def standing(project: Project, key: str) -> Report | None:
    """The former report, if it was made from the same `key` and passed: this checkout's own, or that of `retrain`.

    A retrained model was judged in a second checkout. Merged, it is judged by the same key, and need not be again.
    """
    for folder in (project.reports, project.reports / RETRAINED):
        report = _kept(folder, key)
        if report is not None:
            if folder != project.reports:
                bring(folder, project.reports)
            return report
    return None


def _kept(folder: Path, key: str) -> Report | None:
    try:
        kept = json.loads((folder / KEY).read_bytes())
        report = Report.read(folder / "evaluate.json")
    except (OSError, ValueError, ValidationError):
        return None
    whole = isinstance(kept, dict) and kept.get("key") == key and (folder / METRICS).is_file()
    return report if key and whole and report.status == "pass" else None


def keep(project: Project, key: str, report: Report) -> None:
    """Note from what a passing report was made; a red one leaves nothing to stand on."""
    if report.status == "pass" and key:
        write_json(project.reports / KEY, {"key": key})
    else:
        (project.reports / KEY).unlink(missing_ok=True)


def bring(source: Path, target: Path) -> None:
    """Copy what `evaluate` left in one folder of reports to another; the key last, as it makes the rest count."""
    (target / KEY).unlink(missing_ok=True)
    for name in (METRICS, slices.FILE, "evaluate.json", KEY):
        if (source / name).is_file():
            write_atomic(target / name, (source / name).read_bytes())
        else:
            (target / name).unlink(missing_ok=True)


def _code(folder: Path) -> str:
    return digest_tree(folder, skip=[p.relative_to(folder).as_posix() for p in folder.rglob("*.pyc")])
