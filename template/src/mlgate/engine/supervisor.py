"""Keeps an environment served: follows upstream.json, restarts a replica that died, drains and stops a former one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from mlgate.engine import replica as copies
from mlgate.engine.pids import birth
from mlgate.engine.proxy import HOLD_SECONDS, Forwarder, Target, listen
from mlgate.engine.records import Replica, Serving, State, Upstream
from mlgate.errors import InfraError

LOOK_SECONDS = 0.05  # between looks at upstream.json
ALIVE_SECONDS = 0.2  # between looks at the copy
DRAIN_SECONDS = 30.0
BACKOFF = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before the n-th restart
STEADY_SECONDS = 60.0  # after which a copy counts as good and the backoff starts anew
log = logging.getLogger("mlgate.proxy")


@dataclass
class Supervisor:
    """One environment's proxy process; `upstream` is the wish, `forwarder.target` what is so."""

    state: State
    port: int
    forwarder: Forwarder = field(default_factory=Forwarder)
    upstream: Upstream | None = None
    started: float = field(default_factory=time.time)
    restarts: int = 0
    failed: int = 0  # starts, since a copy answered last
    problem: str = ""
    draining: set[Target] = field(default_factory=set)
    _stamp: object = None
    _work: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, listener: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT; then finish what is under way and stop every copy."""
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        runner = await listen(self.forwarder, [listener])
        self._tell()
        reviving = asyncio.create_task(self._revive())
        while not ended.is_set():
            self._follow()
            if reviving.done():
                reviving.result()  # a bug in it must end the proxy, not go unseen
                reviving = asyncio.create_task(self._revive())
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ended.wait(), LOOK_SECONDS)
        reviving.cancel()
        self.forwarder.patience = 0
        await runner.cleanup()
        await self.forwarder.close()
        await asyncio.gather(reviving, *self._work, return_exceptions=True)
        if target := self.forwarder.target:
            await self._stop(target.replica)
        self.state.proxy_path.unlink(missing_ok=True)

    def _follow(self) -> None:
        """Switch to what upstream.json names, if that is new."""
        try:
            status = self.state.upstream_path.stat()
        except FileNotFoundError:
            return
        if (stamp := (status.st_mtime_ns, status.st_ino)) == self._stamp:
            return
        self._stamp, self.upstream = stamp, self.state.upstream()
        if self.upstream:
            self.restarts, self.problem = 0, ""
            self._switch(self.upstream.replica)

    def _switch(self, replica: Replica) -> None:
        former, self.forwarder.target = self.forwarder.target, Target(replica)
        self.forwarder.patience, self.failed = HOLD_SECONDS, 0
        log.info("release %s answers now (pid %d, port %d)", replica.version, replica.pid, replica.port)
        if former and former.replica.pid != replica.pid:
            self.draining.add(former)
            task = asyncio.create_task(self._drain(former))
            self._work.add(task)
            task.add_done_callback(self._work.discard)
        self._tell()

    async def _drain(self, former: Target) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        while former.inflight and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await self._stop(former.replica)
        self.draining.discard(former)
        log.info("release %s (pid %d) was drained and stopped", former.replica.version, former.replica.pid)
        self._tell()

    async def _revive(self) -> None:
        """Start the current release again when its copy died, later each time."""
        target, upstream = self.forwarder.target, self.upstream
        if upstream is None or (target and copies.alive(target.replica)):
            return await asyncio.sleep(ALIVE_SECONDS)
        if target and time.time() - target.replica.started > STEADY_SECONDS:
            self.restarts = 0
        wait = BACKOFF[min(self.restarts, len(BACKOFF) - 1)]
        self.forwarder.target, self.restarts = None, self.restarts + 1
        self.problem = f"release {upstream.launch.version} died; restart {self.restarts}"
        log.warning("%s in %.0f s", self.problem, wait)
        self._tell()
        if target:
            await self._stop(target.replica)
        await self._again(upstream, wait)

    async def _again(self, upstream: Upstream, wait: float) -> None:
        """One attempt at a restart; given up when a newer wish arrives."""
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            if self.state.upstream() != upstream:
                return
        fresh = None
        try:
            fresh = copies.start(upstream.launch, os.environ)
            await asyncio.to_thread(copies.wait_ready, fresh)
        except asyncio.CancelledError:
            if fresh:
                copies.stop(fresh)
            raise
        except InfraError as error:
            self.problem, self.failed = str(error), self.failed + 1
            if self.failed > 1:  # once may be the engine's fault; nobody waits for a release that can't start
                self.forwarder.patience = 0
            log.error("%s", error)
            if fresh:
                await self._stop(fresh)
            return self._tell()
        if self.state.upstream() != upstream:
            return await self._stop(fresh)
        self.problem = ""
        self._switch(fresh)

    async def _stop(self, replica: Replica) -> None:
        await asyncio.to_thread(copies.stop, replica)

    def _tell(self) -> None:
        target = self.forwarder.target
        Serving(
            pid=os.getpid(), birth=birth(os.getpid()) or "", port=self.port, started=self.started,
            log=self.state.folder / "logs" / "proxy.log", replica=target.replica if target else None,
            restarts=self.restarts, draining=len(self.draining), problem=self.problem,
        ).write(self.state.proxy_path)  # fmt: skip


def main(argv: list[str]) -> int:
    """`python -m mlgate.engine.supervisor FOLDER DESCRIPTOR`: serve on a listening socket that was handed over."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    listener = socket.socket(fileno=int(argv[1]))
    listener.setblocking(False)
    supervisor = Supervisor(State(Path(argv[0])), listener.getsockname()[1])
    log.info("proxy on port %d", supervisor.port)
    asyncio.run(supervisor.run(listener))
    log.info("proxy ended")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
