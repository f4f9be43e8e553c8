"""One copy of a release: started in a session of its own on a free port, waited for, and stopped for sure."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from mlgate.engine import home, leftovers
from mlgate.engine.pids import MARK, birth
from mlgate.engine.records import Launch, Program, Replica, State, processes, strays
from mlgate.errors import InfraError
from mlgate.project import bytecode

PORT, NAME = "{port}", "{name}"
PORTS = range(12_000, 30_000)  # Linux gives out from 32,768 on, macOS from 49,152
READY_SECONDS = 120.0
STOP_SECONDS = 15.0
KEPT_LOGS = 20
_children: dict[int, subprocess.Popen[bytes]] = {}  # of this process, to be reaped


def launch_bento(bundle: Path, image: str, version: str, environment: str, folder: Path) -> Launch:
    """How BentoML serves an unpacked Bento; it brings its own code, and no bytecode may be written beside that.

    `folder` is the environment's, two levels below the state of this machine, which keeps the bytecode.
    """
    command = [sys.executable, "-m", "bentoml", "serve", str(bundle), "--host", "127.0.0.1", "--port", PORT]
    environ = {
        "PYTHONPATH": str(bundle / "src"),
        **bytecode(folder.parents[1]),
        "MLGATE_BUNDLE": str(bundle / "src"),
        "MLGATE_ENVIRONMENT": environment,
        "MLGATE_ENVIRONMENT_STATE": str(folder),
        "MLGATE_QUIET_SECONDS": "0",  # our proxy has sent its last request to a copy that it stops
    }
    command += ["--api-workers", "1"]
    return Launch(image=image, version=version, command=command, environ=environ, folder=folder)


def start(launch: Launch, environ: Mapping[str, str]) -> Replica:
    """Start a copy on a free port and record it; it is not ready yet. InfraError if there is no such program."""
    port = free_port()
    name = f"{launch.version}-{time.time_ns() // 1_000_000}"
    log, record = launch.folder / "logs" / f"{name}.log", State(launch.folder).copies / f"{name}.json"
    _prune(log.parent)
    command, remove = (
        [part.replace(PORT, str(port)).replace(NAME, name) for part in words]
        for words in (launch.command, launch.remove)
    )
    own = {"MLGATE_ENVIRONMENT_STATE": str(launch.folder), **home.furnish(record), MARK: str(record)}
    pid = spawn(command, log, launch.folder, {**environ, **launch.environ, **own})
    replica = Replica(
        pid=pid, birth=birth(pid) or "", port=port, log=log, started=time.time(),
        image=launch.image, version=launch.version, record=record, engine=launch.engine, remove=remove,
        environ=launch.environ if remove else {},
    )  # fmt: skip
    replica.write(record)
    return replica


def spawn(command: list[str], log: Path, folder: Path, environ: Mapping[str, str], keep: tuple[int, ...] = ()) -> int:
    """Start a program in its own session, with its words in `log`; return its PID."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            child = subprocess.Popen(
                command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                start_new_session=True, pass_fds=keep,
            )  # fmt: skip
    except OSError as error:
        raise InfraError(f"cannot start {command[0]}: {error}", "run `mlgate doctor`") from error
    _children[child.pid] = child
    return child.pid


def alive(program: Program) -> bool:
    """Whether the program runs; a child of ours that ended is reaped on the way."""
    if child := _children.get(program.pid):
        child.poll()
    return program.alive


def wait_ready(replica: Replica, seconds: float = READY_SECONDS) -> None:
    """Return when `/readyz` says yes; InfraError with the last log lines when it ends or takes too long."""
    import httpx

    deadline, look = time.monotonic() + seconds, f"read {replica.log}"
    with httpx.Client(base_url=replica.url, timeout=2, trust_env=False) as client:
        while time.monotonic() < deadline:
            if not alive(replica):
                raise InfraError(f"release {replica.version} ended while it started: {tail(replica.log)}", look)
            with contextlib.suppress(httpx.HTTPError):
                if client.get("/readyz").status_code == 200:
                    return
            time.sleep(0.05)
    raise InfraError(f"release {replica.version} was not ready after {seconds:.0f} s: {tail(replica.log)}", look)


def stop(program: Program, seconds: float = STOP_SECONDS) -> None:
    """End a program and everything that it started: SIGTERM, wait, SIGKILL. No PID that isn't ours is signalled."""
    if alive(program):
        with contextlib.suppress(ProcessLookupError):
            os.kill(program.pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while alive(program) and time.monotonic() < deadline:
            time.sleep(0.02)
    for member in processes(program):
        with contextlib.suppress(psutil.Error):
            member.kill()
    if child := _children.pop(program.pid, None):
        child.wait()
    if isinstance(program, Replica):
        if program.remove:  # a client that was killed, or lost its daemon, leaves its container
            environ = {**os.environ, **program.environ}
            subprocess.run(program.remove, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=environ)
        home.clear(home.home_of(program.record))
        program.record.unlink(missing_ok=True)


def sweep(state: State, keep: Replica | None = None) -> None:
    """Stop every copy but `keep`, recorded or not: what a killed verb or proxy left behind."""
    for replica in state.replicas():
        if keep is None or replica.pid != keep.pid:
            stop(replica)
    left = list(strays(state, keep))
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)  # whoever looks next must not find them dying
    leftovers.clear(state, keep)
    home.clear_all(state.copies, keep.record if keep else None)


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on, below those that a system gives out by itself.

    One of those could be anybody's before the copy listens: BentoML alone takes two, and each connection has one.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise InfraError("no port is free", f"stop what listens on {PORTS.start} to {PORTS.stop}")


def tail(log: Path, lines: int = 6) -> str:
    """The last lines of a log, in one."""
    try:
        text = log.read_bytes()[-8_000:].decode("utf-8", "replace")
    except OSError:
        return "no log"
    return " / ".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])


def _prune(folder: Path) -> None:
    for old in sorted(folder.glob("*-*.log"), key=lambda path: path.stat().st_mtime)[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
