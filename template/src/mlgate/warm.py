"""Verbs in processes that are forked from one with the libraries loaded: the same front door, without the wait."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

PRELOADED = "mlgate.preload"


@dataclass(frozen=True)
class Running:
    """A verb under way, and the file that takes what it prints."""

    process: ForkServerProcess
    printed: Path

    def wait(self) -> tuple[int, str]:
        """Exit code and output, once it has ended."""
        self.process.join()
        text = self.printed.read_text(encoding="utf-8", errors="replace")
        self.printed.unlink()
        return self.process.exitcode or 0, text


def begin() -> ForkServerContext:
    """Start loading the libraries in the background; the first verb waits until they are there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    forkserver.ensure_running()
    return context


def start(context: ForkServerContext, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Running:
    """Start `mlgate COMMAND…` in `folder`, as its own process with its own environment."""
    descriptor, name = tempfile.mkstemp(prefix="mlgate-", suffix=".log")
    os.close(descriptor)
    process = context.Process(target=_verb, args=(list(command), folder, dict(environ), name))
    process.start()
    return Running(process, Path(name))


def _verb(command: list[str], folder: Path, environ: dict[str, str], printed: str) -> None:
    """In the child: be the process that a terminal would have started."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    output = os.open(printed, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(output, 1)
    os.dup2(output, 2)
    from mlgate.cli import main

    code = main(command)
    sys.stdout.flush()
    os._exit(code)
