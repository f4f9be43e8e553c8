"""Blue/green on this machine: a release takes traffic only after it is ready and passed its smoke test."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from mlgate.engine import replica as copies
from mlgate.engine.interface import Running
from mlgate.engine.pids import birth
from mlgate.engine.records import Launch, Replica, Serving, State, Upstream, strays
from mlgate.engine.shield import open_to_ctrl_c, shielded
from mlgate.errors import InfraError
from mlgate.project import Project
from mlgate.report import Check

SWITCH_SECONDS, PROXY_STOP_SECONDS = 60.0, 30.0
Examine = Callable[[str], list[Check]]


def state_of(project: Project, environment: str) -> State:
    return State(project.environment_state(environment))


def running(project: Project, environment: str) -> Running | None:
    """What runs in `environment` on this machine, or None; asks the service itself whether it is healthy."""
    proxy = state_of(project, environment).proxy()
    if proxy is None:
        return None
    replica = proxy.replica
    found = Running(proxy.url, False, restarts=proxy.restarts, problem=proxy.problem, pid=proxy.pid, port=proxy.port)
    if replica is None or not replica.alive:
        return found
    return dataclasses.replace(
        found, healthy=_answers(proxy), version=replica.version, image=replica.image, where=replica.where,
        since=replica.started, replica_pid=replica.pid, replica_port=replica.port,
    )  # fmt: skip


def check_port(project: Project, environment: str) -> None:
    """InfraError naming the port, its owner and the key to change, if another program has the environment's port."""
    proxy, port = state_of(project, environment).proxy(), port_of(project, environment)
    if proxy is None or proxy.port != port:
        _bind(environment, port).close()


def release(project: Project, environment: str, launch: Launch, examine: Examine) -> list[Check]:
    """Bring `launch` into traffic: start, wait, examine, switch, drain the former and stop it.

    Returns
    -------
    list of Check
        What `examine` found. If one is not green the new copy was stopped and the former never stopped serving.

    Raises
    ------
    InfraError
        If the release does not get ready, or the port is taken; the former still serves then, too.
    """
    state = state_of(project, environment)
    with shielded(), state.alone():
        listener = _listener(project, environment, state)
        try:
            copy = copies.start(launch, project.environ())
            try:
                with open_to_ctrl_c():
                    copies.wait_ready(copy)
                    checks = examine(copy.url)
                if any(check.status != "pass" for check in checks):
                    copies.stop(copy)
                    return checks
                Upstream(launch=launch, replica=copy).write(state.upstream_path)
            except BaseException:
                copies.stop(copy)
                raise
            _hand_over(project, environment, state, listener, copy)
            return checks
        finally:
            if listener:
                listener.close()


def resume(project: Project, environment: str, launch: Launch, examine: Examine) -> list[Check]:
    """Have `launch` answer: nothing to do where it does, its living copy reused where only the proxy is gone."""
    state = state_of(project, environment)
    now = running(project, environment)
    if now and now.healthy and _same(state, launch) and now.port == port_of(project, environment):
        return []
    if now is None:
        with shielded(), state.alone():
            copy = next((r for r in state.replicas() if r.alive and _fits(r, launch)), None)
            if copy and state.proxy() is None and _answers(copy):
                with _bind(environment, port_of(project, environment)) as listener:
                    Upstream(launch=launch, replica=copy).write(state.upstream_path)
                    _hand_over(project, environment, state, listener, copy)
                return []
    return release(project, environment, launch, examine)


def stop(project: Project, environment: str) -> bool:
    """Stop the proxy and every copy of `environment`; False where nothing ran."""
    state = state_of(project, environment)
    if not state.folder.exists():
        return False
    with shielded(), state.alone():
        proxy, left = state.proxy(), strays(state, None)
        if proxy:
            copies.stop(proxy, PROXY_STOP_SECONDS)
        copies.sweep(state)
        state.proxy_path.unlink(missing_ok=True)
        state.upstream_path.unlink(missing_ok=True)
    return bool(proxy or left)


def port_of(project: Project, environment: str) -> int:
    return next(port for name, port in project.params.serving.ports.items() if name == environment)


def _listener(project: Project, environment: str, state: State) -> socket.socket | None:
    """A listening socket for a new proxy; None where ours has the right port already."""
    proxy, port = state.proxy(), port_of(project, environment)
    if proxy and proxy.port == port:
        return None
    listener = _bind(environment, port)
    if proxy:  # the port was changed in params.yaml
        copies.stop(proxy, PROXY_STOP_SECONDS)
    state.upstream_path.unlink(missing_ok=True)  # of a proxy that is gone
    return listener


def _hand_over(project: Project, environment: str, state: State, listener: socket.socket | None, copy: Replica) -> None:
    """Start the proxy if there is none, wait until it sends its requests to `copy` and the former is gone."""
    log, started, deadline = state.folder / "logs" / "proxy.log", 0, time.monotonic() + SWITCH_SECONDS
    while time.monotonic() < deadline and not (started and birth(started) is None):
        proxy = state.proxy()
        if proxy and proxy.replica and proxy.replica.pid == copy.pid and not proxy.draining:
            return copies.sweep(state, keep=copy)
        if proxy is None and not started:  # there was none, or it was killed just now
            with listener or _bind(environment, port_of(project, environment)) as handed:
                started = _start_proxy(project, state, handed, log)
        time.sleep(0.02)
    if started:  # nobody answered before, so nothing is lost by clearing up
        copies.sweep(state)
        state.upstream_path.unlink(missing_ok=True)
    raise InfraError(f"the proxy did not switch to {copy.version}: {copies.tail(log)}", f"read {log}")


def _start_proxy(project: Project, state: State, listener: socket.socket, log: Path) -> int:
    command = [sys.executable, "-m", "mlgate.engine.supervisor", str(state.folder), str(listener.fileno())]
    environ = project.environ({"MLGATE_ENVIRONMENT_STATE": str(state.folder)})
    return copies.spawn(command, log, state.folder, environ, keep=(listener.fileno(),))


def _bind(environment: str, port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError as error:
        mend = f"stop that program, or change serving.ports.{environment} in params.yaml"
        if error.errno == errno.EADDRINUSE:
            raise InfraError(f"port {port} of {environment} is in use{_owner(port)}", mend) from error
        raise InfraError(f"port {port} of {environment} cannot be used: {error.strerror}", mend) from error


def _owner(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return " by another program"


def _same(state: State, launch: Launch) -> bool:
    """Whether what answers is what `launch` would start."""
    proxy = state.proxy()
    return bool(proxy and proxy.replica and _fits(proxy.replica, launch))


def _fits(copy: Replica, launch: Launch) -> bool:
    return (copy.image, copy.engine) == (launch.image, launch.engine)


def _answers(program: Serving | Replica) -> bool:
    import httpx

    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{program.url}/readyz", timeout=5, trust_env=False).status_code == 200
    return False
