"""What the engine keeps on disk for one environment: which programs are ours, and which release should answer."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from mlgate.engine.pids import alone, birth, marked
from mlgate.files import write_atomic

LOCK_SECONDS = 180.0


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def write(self, path: Path) -> None:
        write_atomic(path, self.model_dump_json(indent=2).encode() + b"\n")


class Program(Record):
    """A program that we started. `birth` guards against a PID that the system gave to another one since."""

    pid: int
    birth: str
    port: int
    log: Path
    started: float

    @property
    def alive(self) -> bool:
        return birth(self.pid) == self.birth

    @property
    def mark(self) -> str:
        """What its processes carry in the variable MARK; empty where it has none beside itself."""
        return ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Replica(Program):
    """One running copy of a release; `record` is the file that says so, `remove` clears up what a kill leaves of it,
    under `environ`."""

    image: str
    version: str
    record: Path
    engine: str = "process"
    remove: list[str] = []
    environ: dict[str, str] = {}

    @property
    def mark(self) -> str:
        return str(self.record)

    @property
    def where(self) -> str:
        """In words, for people."""
        return f"pid {self.pid}" if self.engine == "process" else f"container {self.remove[-1]}"


class Launch(Record):
    """How to start a release: the command and the variables it needs, and a command that clears up after a copy.

    In the commands `{port}` stands for the copy's port on loopback and `{name}` for its name.
    """

    image: str
    version: str
    engine: str = "process"
    command: list[str]
    remove: list[str] = []
    environ: dict[str, str] = {}
    folder: Path


class Upstream(Record):
    """What should answer: written by a verb, read by the proxy. `replica` is the copy that passed its smoke test."""

    launch: Launch
    replica: Replica


class Serving(Program):
    """What does answer: written by the proxy alone."""

    replica: Replica | None = None
    restarts: int = 0
    draining: int = 0
    problem: str = ""


Kind = TypeVar("Kind", bound=Record)


@dataclass(frozen=True)
class State:
    """The folder of one environment on this machine."""

    folder: Path

    @property
    def upstream_path(self) -> Path:
        return self.folder / "upstream.json"

    @property
    def proxy_path(self) -> Path:
        return self.folder / "proxy.json"

    def upstream(self) -> Upstream | None:
        return read(self.upstream_path, Upstream)

    def proxy(self) -> Serving | None:
        """The proxy that is alive, or None."""
        found = read(self.proxy_path, Serving)
        return found if found and found.alive else None

    @property
    def client_path(self) -> Path:
        """Says which container engine ran copies here; missing where none did."""
        return self.folder / "client"

    @property
    def copies(self) -> Path:
        """Where copies are recorded."""
        return self.folder / "replicas"

    def replicas(self) -> list[Replica]:
        """Every copy that was started here and is recorded, dead or alive."""
        paths = sorted(self.copies.glob("*.json"))
        return [replica for path in paths if (replica := read(path, Replica))]

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """One verb at a time changes what runs; the kernel frees the lock of a verb that was killed."""
        return alone(self.folder / "lock", LOCK_SECONDS, f"changing {self.folder.name}")


def read(path: Path, kind: type[Kind]) -> Kind | None:
    """A record, or None where there is none that can be read: then nothing of ours is known to run."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def processes(program: Program) -> list[psutil.Process]:
    """A program and all that it started, whatever session they chose and whether or not it still lives itself: known
    by the variable that only they were given."""
    found = [p for p, mark in marked() if program.mark and mark == program.mark]
    if program.alive and program.pid not in {process.pid for process in found}:
        with contextlib.suppress(psutil.Error):
            found.append(psutil.Process(program.pid))
    return found


def strays(state: State, keep: Replica | None) -> list[psutil.Process]:
    """Processes of copies that were started here, all but those of `keep`: also of one that nothing recorded, as its
    starter was killed."""
    kept = keep.mark if keep else ""
    return [process for process, mark in marked() if mark != kept and Path(mark).parent == state.copies]
