"""A repository in a small world whose loop takes seconds: made once, copied for whoever breaks it, fingerprinted."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

SMALL = {
    "customers": "400",
    "terminals": "120",
    "until": '"2026-03-16"',
    "min_rows": "500",
    "max_iter": "20",
    "threshold": "0.02",
    "margin": "0.3",
}
KEPT = ("data", "models", "src", "params.yaml", "dvc.lock", "dvc.yaml")


def shrink(repository: Path) -> None:
    """Fewer customers, terminals and days, and a floor that so small a model clears."""
    path = repository / "params.yaml"
    text = path.read_text(encoding="utf-8")
    for key, value in SMALL.items():
        text, found = re.subn(rf"(?m)^(\s+{key}:) \S+", rf"\1 {value}", text, count=1)
        assert found == 1, key
    path.write_text(text, encoding="utf-8")


def copied(repository: Path, folder: Path) -> Path:
    """A copy with its history and releases, but nothing of what runs."""
    leave = shutil.ignore_patterns("environments", "bytecode", "__pycache__")
    return Path(shutil.copytree(repository, folder / "copy", symlinks=True, ignore=leave))


def state(repository: Path) -> dict[str, str]:
    """What a verb that ends badly must not lose: every file of data, model, code and parameters; every branch."""
    files = [path for name in KEPT for path in _files(repository / name)]
    found = {path.relative_to(repository).as_posix(): _digest(path) for path in files}
    found |= {path.name: "left over" for path in repository.glob(".*.new.*")}
    refs = subprocess.run(["git", "show-ref"], cwd=repository, capture_output=True, text=True, check=False).stdout
    return found | {line.split()[1]: line.split()[0] for line in refs.splitlines()}


def _files(path: Path) -> list[Path]:
    if path.is_dir() and not path.is_symlink():
        return sorted(p for p in path.rglob("*") if (p.is_file() or p.is_symlink()) and "__pycache__" not in p.parts)
    return [path] if os.path.lexists(path) else []


def _digest(path: Path) -> str:
    return f"link to {path.readlink()}" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()


def verb(repository: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *words[1:]] if words[0] == "dvc" else [sys.executable, "-m", "mlgate", *words]


class Interrupted:
    """A verb in a process group of its own, as in a terminal, that gets Ctrl-C at a moment."""

    def __init__(self, repository: Path, environ: dict[str, str], *words: str) -> None:
        self.words = repository.parent / "said.txt"
        env = environ | {"PYTHONPATH": str(repository / "src"), "OMP_NUM_THREADS": "1"}
        with self.words.open("wb") as stream:
            self.process = subprocess.Popen(
                verb(repository, *words), cwd=repository, env=env, stdin=subprocess.DEVNULL, stdout=stream,
                stderr=stream, start_new_session=True,
            )  # fmt: skip
        self.seen = psutil.Process(self.process.pid)

    def when(self, moment: float | Callable[[], bool]) -> tuple[int, str]:
        """Ctrl-C after so many seconds of processor time, whatever else this machine does, or once something is so."""
        limit = time.monotonic() + 120
        while self.process.poll() is None and time.monotonic() < limit:
            if moment() if callable(moment) else self._worked() >= moment:
                break
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(60)
        return code, self.words.read_text(encoding="utf-8", errors="replace")

    def _worked(self) -> float:
        with contextlib.suppress(psutil.Error):
            family = [self.seen, *self.seen.children(recursive=True)]
            return sum(sum(member.cpu_times()[:4]) for member in family)
        return float("inf")


def alive(repository: Path) -> set[int]:
    """Every living process that was started in or for the repository, whoever its parent is now."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = any(value.startswith(str(repository)) for value in process.environ().values())
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
    return found
