"""Where things are in this repository and on this machine, and how to run a command of it."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mlgate.errors import ConfigError, InfraError
from mlgate.params import Params
from mlgate.report import Subject


@dataclass(frozen=True)
class Project:
    """A repository of this template: the folder that holds `params.yaml`."""

    root: Path
    chosen_engine: str | None = None
    chosen_remote: str | None = None
    fetched: set[str] = field(default_factory=set, compare=False, repr=False)  # branches that this call has looked up

    @classmethod
    def find(cls, start: Path | None = None, engine: str | None = None, remote: str | None = None) -> Project:
        """The nearest project from `start` (the current folder) upward; ConfigError where there is none."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "params.yaml").is_file() and (folder / "src" / "model").is_dir():
                return cls(folder, engine, remote)
        raise ConfigError(f"no mlgate repository in {here} or above it", "cd into the repository first")

    @functools.cached_property
    def params(self) -> Params:
        try:
            return Params.read(self.root / "params.yaml")
        except ConfigError:
            if (self.root.parent / "cookiecutter.json").is_file():
                raise ConfigError(
                    f"{self.root} is the template, not a project yet: its name and owner are answers to come",
                    f'in {self.root.parent}: make in-place ARGS="VERB"',
                ) from None
            raise

    @property
    def engine(self) -> str:
        """What runs releases in this call: as the caller chose, else `MLGATE_ENGINE`, else `deploy.engine`."""
        return self.chosen_engine or os.environ.get("MLGATE_ENGINE") or self.params.deploy.engine

    @property
    def remote(self) -> str:
        """The remote whose env/* branches are the truth: as the caller chose, else `MLGATE_REMOTE`; empty: our own."""
        return os.environ.get("MLGATE_REMOTE", "") if self.chosen_remote is None else self.chosen_remote

    @property
    def raw(self) -> Path:
        return self.root / "data" / "raw.parquet"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def state(self) -> Path:
        """Everything this machine keeps and Git does not; `MLGATE_STATE` moves it."""
        return Path(os.environ.get("MLGATE_STATE") or self.root / ".mlgate").resolve()

    def environment_state(self, environment: str) -> Path:
        """What a running environment keeps on this machine: proxy, processes, logs, history, predictions."""
        return self.state / "environments" / environment

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Environment variables under which a child process finds this repository's code and commands."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {
            **os.environ,
            "PATH": path,
            "PYTHONPATH": str(self.root / "src"),
            "MLGATE_STATE": str(self.state),
            "BENTOML_DO_NOT_TRACK": "1",
            "DVC_NO_ANALYTICS": "1",
            **(extra or {}),
        }

    def git(self, *arguments: str, stdin: bytes | None = None, check: bool = True) -> str:
        """Run git here and return what it printed (stripped); InfraError with git's own words if it fails."""
        return git(self.root, *arguments, stdin=stdin, check=check)

    @property
    def commit(self) -> str:
        """The commit checked out, or empty before the first one."""
        return self.git("rev-parse", "--verify", "-q", "HEAD", check=False)

    @property
    def changed(self) -> list[str]:
        """Paths that differ from the commit checked out, untracked ones included."""
        lines = self.git("--no-optional-locks", "status", "--porcelain", "--untracked-files=all", "-z").split("\0")
        return [line[3:] if line[2:3] == " " else line.split(" ", 1)[-1] for line in lines if line]

    def subject(self) -> Subject:
        return Subject(git_commit=self.commit)


def bytecode(state: Path) -> dict[str, str]:
    """The variable with which Python keeps bytecode in `state`, not beside code whose digest is recorded.

    A choice that the caller's environment made already stays.
    """
    return {"PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX") or str(state / "bytecode")}


def git(folder: Path, *arguments: str, stdin: bytes | None = None, check: bool = True) -> str:
    """Run git in `folder`; with `check`, InfraError carries git's own words."""
    return run(["git", *arguments], folder, stdin=stdin, check=check).strip()


def run(
    command: Sequence[str],
    folder: Path,
    *,
    environ: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    check: bool = True,
    apart: bool = False,
) -> str:
    """Run a command to its end and return its standard output; InfraError carries its last words.

    With `apart` it is in a process group of its own, so that a terminal's Ctrl-C reaches us and not the command.
    """
    group = 0 if apart else None
    try:
        done = subprocess.run(
            list(command), cwd=folder, env=environ, input=stdin, capture_output=True, check=False, process_group=group
        )
    except FileNotFoundError as error:
        raise _not_installed(command) from error
    if check and done.returncode != 0:
        raise _failed(command, done.stderr or done.stdout or str(done.returncode).encode())
    return done.stdout.decode("utf-8", "surrogateescape")


@contextmanager
def begun(
    command: Sequence[str], folder: Path, *, environ: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> Iterator[Callable[[], None]]:
    """Run a command beside this process. The yielded function waits for its end; InfraError carries its last words.

    Without `stdin` its standard input stays open until it is waited for. It is killed where the context ends before.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(stdin or b"")
        given.seek(0)
        source = subprocess.PIPE if stdin is None else given
        try:
            process = subprocess.Popen(list(command), cwd=folder, env=environ, stdin=source, stdout=said, stderr=said)
        except FileNotFoundError as error:
            raise _not_installed(command) from error

        def wait() -> None:
            process.communicate()
            if process.returncode:
                said.seek(0)
                raise _failed(command, said.read() or str(process.returncode).encode())

        with process:  # closes its input, and waits
            try:
                yield wait
            finally:
                process.kill()  # does nothing to one that has ended


def _not_installed(command: Sequence[str]) -> InfraError:
    return InfraError(f"{command[0]} is not installed", f"install {command[0]}, then run `mlgate doctor`")


def _failed(command: Sequence[str], words: bytes) -> InfraError:
    said = " / ".join(words.decode("utf-8", "replace").strip().splitlines()[-5:])
    mend = "run `git init` and commit first" if "not a git repository" in said else "run `mlgate doctor`"
    return InfraError(f"`{' '.join(command[:3])}` failed: {said}", mend)
