"""Data versions, kept by DVC: record what a verb wrote, refuse what reaches outside, push and see that it arrived."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from mlgate.errors import ConfigError, InfraError
from mlgate.files import write_atomic
from mlgate.project import Project, run


def record(project: Project, *stages: str) -> None:
    """Write the hashes of the stages' files, as they are now, into `dvc.lock`; nothing where DVC itself runs one.

    Raises
    ------
    ConfigError
        If an output is a symlink.
    InfraError
        If DVC fails, with its own words.
    """
    if os.environ.get("DVC_STAGE"):
        return
    refuse_symlinks(project)
    _mend_lock(project)
    _dvc(project, "commit", "--force", *stages)  # not --quiet, which also keeps the reason of a failure


def recorded(project: Project, stage: str, path: Path) -> bool:
    """Whether `dvc.lock` already names `path`, as it is now, as an output of `stage`: then DVC need not be asked."""
    entry = ((_locked(project) or {}).get("stages") or {}).get(stage) or {}
    content = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    wanted = {"path": path.relative_to(project.root).as_posix(), "md5": content}
    return any(wanted.items() <= out.items() for out in entry.get("outs") or [])


def _locked(project: Project) -> dict[str, Any] | None:
    """What `dvc.lock` says; None where there is none, or half of one."""
    from mlgate.yaml_file import read_yaml

    path = project.root / "dvc.lock"
    try:
        said = read_yaml(path) if path.is_file() else None
    except ConfigError:
        return None
    return said if isinstance(said, dict) and "schema" in said else None


def _mend_lock(project: Project) -> None:
    """Take `dvc.lock` from the last commit where a DVC that was killed left half of it, as DVC writes it in place."""
    path = project.root / "dvc.lock"
    if path.is_file() and _locked(project) is None:
        former = project.git("show", "HEAD:dvc.lock", check=False)
        write_atomic(path, f"{former}\n".encode()) if former else path.unlink()


def initialised(project: Project) -> bool:
    return (project.root / ".dvc" / "config").is_file() and (project.root / "dvc.yaml").is_file()


def outputs(project: Project) -> list[Path]:
    """Every path that `dvc.yaml` declares as an output."""
    from mlgate.yaml_file import read_yaml

    stages = (read_yaml(project.root / "dvc.yaml") or {}).get("stages") or {}
    found: list[Path] = []
    for stage in stages.values():
        for entry in (stage or {}).get("outs") or []:
            name = next(iter(entry)) if isinstance(entry, dict) else entry
            found.append(project.root / str(name))
    return found


def refuse_symlinks(project: Project) -> None:
    """Refuse outputs that are, lie in, or contain a symlink: DVC would write through it to anywhere (case 7)."""
    for path in outputs(project):
        inside = [p for p in path.rglob("*") if p.is_symlink()] if path.is_dir() and not path.is_symlink() else []
        chain = [path, *(p for p in path.parents if p != project.root and project.root in p.parents)]
        for link in [*(p for p in chain if p.is_symlink()), *inside]:
            raise ConfigError(f"{link} is a symlink; an output could land outside the repository", f"remove {link}")
        if not path.resolve().is_relative_to(project.root.resolve()):
            raise ConfigError(f"{path} lies outside the repository", "fix the path in dvc.yaml")


def private_cache(project: Project) -> None:
    """Make DVC's folders readable by this user alone: what lies in them is unpickled by DVC (case 8)."""
    for name in ("cache", "tmp"):
        folder = project.root / ".dvc" / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise ConfigError(f"{folder} belongs to someone else", f"remove {folder}; DVC makes it again")
        folder.chmod(0o700)


def remote(project: Project) -> str:
    """Name of the default remote that `.dvc/config` (or the local one beside it) sets; empty where there is none."""
    return _dvc(project, "config", "core.remote").strip() if _any_remote(project) else ""


def _any_remote(project: Project) -> bool:
    """Whether a configuration names one at all: DVC takes a second to say no."""
    files = [project.root / ".dvc" / name for name in ("config", "config.local")]
    return any("remote" in path.read_text(encoding="utf-8") for path in files if path.is_file())


def pull(project: Project) -> None:
    """Fetch every output from the remote, after checking that each lands inside the repository."""
    refuse_symlinks(project)
    _dvc(project, "pull")  # not --quiet, as above


def push(project: Project) -> None:
    """Send every output to the remote and ask DVC whether all arrived: `dvc push` exits 0 also where files are missing.

    Raises
    ------
    InfraError
        If no remote is set, the remote can't be reached, or lacks a file afterwards.
    """
    refuse_symlinks(project)
    _dvc(project, "push")
    answer: Any = json.loads(_dvc(project, "data", "status", "--not-in-remote", "--json") or "{}")
    missing = sorted({*map(str, answer.get("not_in_cache", [])), *map(str, answer.get("not_in_remote", []))})
    if missing:
        raise InfraError(f"the remote lacks {', '.join(missing)} after the push", "run `dvc repro`, then push again")


def _dvc(project: Project, *arguments: str) -> str:
    private_cache(project)
    site = {"DVC_SITE_CACHE_DIR": str(project.root / ".dvc" / "tmp" / "site"), "DVC_NO_ANALYTICS": "1"}
    return run([sys.executable, "-m", "dvc", *arguments], project.root, environ=project.environ(site))
