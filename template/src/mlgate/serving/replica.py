"""One running copy of a release: loads it, lets one thread score, and stops without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import time
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from mlgate.errors import ConfigError, MlgateError
from mlgate.serving.bundle import bundle_root
from mlgate.serving.rows import RequestError

if TYPE_CHECKING:
    from mlgate.serving.runtime import Runtime

log = logging.getLogger("mlgate.serving.replica")
SMALL = 8_192  # bytes of a request that may be answered in the event loop, or share a frame
MOST = 32  # requests in one frame
# Seconds: after SIGTERM, stop once it was quiet for so long, or after so long.
QUIET, DRAIN = 0.5, 10.0


@dataclass(frozen=True)
class _Waiting:
    content: bytes
    probe: bool
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[tuple[int, bytes]]

    def give(self, status: int, body: bytes) -> None:
        self.loop.call_soon_threadsafe(_settle, self.answer, (status, body))


class Replica:
    """One release behind one thread: requests are scored in order, while the event loop reads and writes."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        self.failed = ""
        self.draining = False
        self.waiting = 0
        self._latest, self._quiet = 0.0, QUIET
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scoring")

    @property
    def ready(self) -> bool:
        return self.runtime is not None and not self.draining

    def start(self, root: Path | None = None) -> None:
        """Load the release in the scoring thread; `ready` tells when it has made its first prediction."""
        self._thread.submit(self._load, root)

    def _load(self, root: Path | None) -> None:
        gc.disable()  # what is loaded stays: to search it for cycles on the way takes a fifth of the time
        try:
            self._quiet = quiet_seconds()
            from mlgate.serving.runtime import Runtime  # in this thread: what only names the service needs no pandas

            self.runtime = Runtime(root or bundle_root())
            _warn_no_more()
            log.info("serving model %s", self.runtime.version)
        except MlgateError as error:
            self.failed = f"{error}; next: {error.mend}" if error.mend else str(error)
            log.error("cannot serve: %s", self.failed)
        except Exception as error:
            self.failed = f"{type(error).__name__}: {error}"
            log.exception("cannot serve")
        finally:
            gc.enable()

    async def predict(self, content: bytes, probe: bool) -> tuple[int, bytes]:
        """Status and body for one request body. What comes after the answer is done before the next request.

        One row that needs no frame is answered here: to hand it over and back would take longer than to score it.
        """
        loop = asyncio.get_running_loop()
        self._latest = time.monotonic()
        if self.runtime is not None and len(content) <= SMALL:
            answered = self.runtime.predict_alone(content, probe)
            if answered is not None:
                loop.call_soon(answered[1])
                return 200, answered[0]
        answer: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self.waiting += 1
        try:
            self._queue.append(_Waiting(content, probe, loop, answer))
            self._thread.submit(self._answer)
            return await answer
        finally:
            self.waiting -= 1
            self._latest = time.monotonic()

    def _answer(self) -> None:
        """Answer the oldest request, and with it those that can share its frame."""
        assert self.runtime is not None
        requests = self._taken(MOST if self.runtime.fast.together else 1)
        answers = self.runtime.predict_together([(one.content, one.probe) for one in requests]) if requests else []
        later = []
        for one, answer in zip(requests, answers, strict=True):
            if isinstance(answer, tuple):
                one.give(200, answer[0])
                later.append(answer[1])
            elif isinstance(answer, RequestError):
                one.give(answer.status, json.dumps(answer.body()).encode())
            else:
                log.error("a request that keeps the contract could not be answered", exc_info=answer)
                words = f"the model failed: {type(answer).__name__}"
                one.give(500, json.dumps({"error": words, "detail": []}).encode())
        for afterwards in later:
            afterwards()

    def _taken(self, most: int) -> list[_Waiting]:
        """The oldest request, and the small ones behind it; none where an earlier call took what this one was for."""
        taken: list[_Waiting] = []
        while self._queue and len(taken) < most:
            if taken and len(self._queue[0].content) > SMALL:
                break
            taken.append(self._queue.popleft())
            if len(taken[-1].content) > SMALL:
                break
        return taken

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
            idle = self.waiting == 0 and now - self._latest > self._quiet
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


def quiet_seconds() -> float:
    """`MLGATE_QUIET_SECONDS`, for what sends requests and knows already; ConfigError if it is not within the drain."""
    said = os.environ.get("MLGATE_QUIET_SECONDS", str(QUIET))
    with contextlib.suppress(ValueError):
        if 0 <= float(said) <= DRAIN:
            return float(said)
    raise ConfigError(f"MLGATE_QUIET_SECONDS is {said!r}, not seconds from 0 to {DRAIN:g}", "correct or remove it")


def _warn_no_more() -> None:
    """What the model warns of, its first prediction has said; one filter is left in place of a dozen.

    scikit-learn sets all of a process's filters anew for each step of a pipeline, at each prediction.
    """
    warnings.resetwarnings()
    warnings.simplefilter("ignore")


def _settle(answer: asyncio.Future[tuple[int, bytes]], value: tuple[int, bytes]) -> None:
    if not answer.done():  # the client may have gone
        answer.set_result(value)
