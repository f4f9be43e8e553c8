"""One running copy of a release: loads it, lets one thread score, and stops without losing a request."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

from mlgate.errors import MlgateError
from mlgate.serving.rows import RequestError
from mlgate.serving.runtime import Runtime, bundle_root

log = logging.getLogger("mlgate.serving.replica")
QUIET, DRAIN = 0.5, 10.0  # seconds: after SIGTERM, stop once it was quiet for so long, or after so long


class Replica:
    """One release behind one thread: requests are scored in order, while the event loop reads and writes."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        self.failed = ""
        self.draining = False
        self.waiting = 0
        self._latest = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scoring")

    @property
    def ready(self) -> bool:
        return self.runtime is not None and not self.draining

    def start(self, root: Path | None = None) -> None:
        """Load the release in the scoring thread; `ready` tells when it has made its first prediction."""
        self._thread.submit(self._load, root)

    def _load(self, root: Path | None) -> None:
        try:
            self.runtime = Runtime(root or bundle_root())
            log.info("serving model %s", self.runtime.version)
        except MlgateError as error:
            self.failed = f"{error}; next: {error.mend}" if error.mend else str(error)
            log.error("cannot serve: %s", self.failed)
        except Exception as error:
            self.failed = f"{type(error).__name__}: {error}"
            log.exception("cannot serve")

    async def predict(self, content: bytes, probe: bool) -> tuple[int, bytes]:
        """Status and body for one request body. What comes after the answer is done before the next request."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self.waiting += 1
        self._latest = time.monotonic()
        try:
            self._thread.submit(self._answer, loop, answer, content, probe)
            return await answer
        finally:
            self.waiting -= 1
            self._latest = time.monotonic()

    def _answer(
        self, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[tuple[int, bytes]], content: bytes, probe: bool
    ) -> None:
        def give(status: int, body: bytes) -> None:
            loop.call_soon_threadsafe(_settle, answer, (status, body))

        try:
            assert self.runtime is not None
            body, afterwards = self.runtime.predict(content, probe)
            give(200, body)
            afterwards()
        except RequestError as refused:
            give(refused.status, json.dumps(refused.body()).encode())
        except Exception as error:
            log.exception("a request that keeps the contract could not be answered")
            give(500, json.dumps({"error": f"the model failed: {type(error).__name__}", "detail": []}).encode())

    def drain_on_sigterm(self) -> None:
        """On SIGTERM answer on until it is quiet, not ready any more, and only then let the server stop.

        The server alone would stop accepting at once, and reset whatever a balancer sends until it has noticed.
        """
        loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

        def stop() -> None:
            if callable(before):
                before(signal.SIGTERM, None)

        def look(deadline: float) -> None:
            now = time.monotonic()
            idle = self.waiting == 0 and now - self._latest > QUIET
            loop.call_later(0, stop) if idle or now > deadline else loop.call_later(0.05, look, deadline)

        def begin() -> None:
            if not self.draining:
                self.draining, self._latest = True, time.monotonic()
                look(time.monotonic() + DRAIN)

        def on_signal(_: int, __: FrameType | None) -> None:
            loop.call_soon_threadsafe(begin)

        signal.signal(signal.SIGTERM, on_signal)

    def close(self) -> None:
        """Finish what is queued, then write the log to its end."""
        self._thread.shutdown(wait=True)
        if self.runtime is not None:
            self.runtime.close()


def _settle(answer: asyncio.Future[tuple[int, bytes]], value: tuple[int, bytes]) -> None:
    if not answer.done():  # the client may have gone
        answer.set_result(value)
