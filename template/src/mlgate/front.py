"""The service's door: HTTP in front of the runtime, so that what is refused never reaches BentoML, nor its log.

BentoML would answer a bad request with a traceback in the log, and pass a good one through its own types at a third
of the speed. So this ASGI middleware answers POST /predict and GET /docs.json itself and leaves the rest (/livez
/readyz /metrics /schema.json) to BentoML, whose metrics count its requests too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

from mlgate.counters import counters
from mlgate.errors import MlgateError
from mlgate.openapi import document
from mlgate.rows import Refused
from mlgate.serving import Runtime, bundle_root

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

log = logging.getLogger("mlgate.front")
PASSED = frozenset({"/", "/livez", "/readyz", "/healthz", "/metrics", "/schema.json"})
ASSETS = "/static_content/"
BODY_SECONDS = 10.0  # for a request to arrive
WAITING = 1_000  # requests in the queue; more are told to come again
QUIET, DRAIN = 0.5, 10.0  # seconds: after SIGTERM, stop once it was quiet for so long, or after so long


class Serving:
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
            loop.call_soon_threadsafe(lambda: answer.done() or answer.set_result((status, body)))

        try:
            assert self.runtime is not None
            body, afterwards = self.runtime.predict(content, probe)
            give(200, body)
            afterwards()
        except Refused as refused:
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


class Front:
    """ASGI middleware: answers predictions, refuses what is none, passes the rest on."""

    def __init__(self, app: App, serving: Serving) -> None:
        self._app, self._serving = app, serving

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path in PASSED or path.startswith(ASSETS):
            return await self._app(scope, receive, send)
        try:
            status, body = await self._respond(scope, path, receive)
        except Refused as refused:
            status, body = refused.status, json.dumps(refused.body()).encode()
        except ConnectionError:
            return None
        await self._send(send, status, body)

    async def _respond(self, scope: Message, path: str, receive: Receive) -> tuple[int, bytes]:
        serving, method = self._serving, scope["method"]
        if path not in ("/predict", "/docs.json"):
            raise Refused(404, "there is no such path; POST rows to /predict")
        if method != ("POST" if path == "/predict" else "GET"):
            raise Refused(405, f"{path} has no method {method}")
        runtime = serving.runtime
        if runtime is None:
            raise Refused(503, serving.failed or "the model is being loaded")
        if path == "/docs.json":
            return 200, document(runtime).encode()
        headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
        _check_headers(headers, runtime.params.serving.max_bytes)
        if serving.waiting >= WAITING:
            raise Refused(503, "too many requests wait already; come again")
        content = await _body(receive, runtime.params.serving.max_bytes)
        return await serving.predict(content, probe=b"x-mlgate-probe" in headers)

    async def _send(self, send: Send, status: int, body: bytes) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if self._serving.runtime is not None:
            headers.append((b"x-model-version", self._serving.runtime.version.encode()))
        if self._serving.draining or status in (408, 413, 415, 503):
            headers.append((b"connection", b"close"))
        if status != 200:
            counters().refused.labels(str(status)).inc()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _check_headers(headers: dict[bytes, bytes], most: int) -> None:
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Refused(415, "send application/json", [{"loc": ["header", "content-type"], "msg": "not JSON"}])
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        detail = [{"loc": ["header", "content-encoding"], "msg": "compression is not accepted"}]
        raise Refused(415, "send application/json, not compressed", detail)
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > most:
        raise _too_large(most)


async def _body(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    raise _too_large(most)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError as error:
        raise Refused(408, f"the request did not arrive within {BODY_SECONDS:.0f} seconds") from error


def _too_large(most: int) -> Refused:
    detail = [{"loc": ["header", "content-length"], "msg": f"at most {most:,} bytes"}]
    return Refused(413, f"a request has at most {most:,} bytes", detail)
