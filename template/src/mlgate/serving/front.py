"""The service's door: HTTP in front of the runtime, so that what is refused never reaches BentoML, nor its log.

BentoML would answer a bad request with a traceback in the log, and pass a good one through its own types at a third
of the speed. So this ASGI middleware answers POST /predict and GET /docs.json itself and leaves the rest (/livez
/readyz /metrics /schema.json) to BentoML, whose metrics count its requests too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mlgate.serving.counters import counters
from mlgate.serving.openapi import document
from mlgate.serving.replica import Replica
from mlgate.serving.rows import RequestError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

PASSED = frozenset({"/", "/livez", "/readyz", "/healthz", "/metrics", "/schema.json"})
ASSETS = "/static_content/"
METHODS = {"/predict": "POST", "/docs.json": "GET"}
BODY_SECONDS = 10.0  # for a request to arrive
WAITING = 1_000  # requests in the queue; more are told to come again


class Front:
    """ASGI middleware: answers predictions, refuses what is none, passes the rest on."""

    def __init__(self, app: App, replica: Replica) -> None:
        self._app, self._replica = app, replica

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "lifespan":
            _drop_timers(scope["app"])
        if scope["type"] != "http" or path in PASSED or path.startswith(ASSETS):
            return await self._app(scope, receive, send)
        try:
            status, body = await self._respond(scope, path, receive)
        except RequestError as refused:
            status, body = refused.status, json.dumps(refused.body()).encode()
        except ConnectionError:
            return None
        await self._send(send, status, body, METHODS[path] if status == 405 else "")

    async def _respond(self, scope: Message, path: str, receive: Receive) -> tuple[int, bytes]:
        replica, method = self._replica, scope["method"]
        if path not in METHODS:
            raise RequestError(404, "there is no such path; POST rows to /predict")
        if method != METHODS[path]:
            raise RequestError(405, f"{path} has no method {method}")
        runtime = replica.runtime
        if runtime is None:
            raise RequestError(503, replica.failed or "the model is being loaded")
        if path == "/docs.json":
            return 200, document(runtime).encode()
        headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
        _check_headers(headers, runtime.params.serving.max_bytes)
        if replica.waiting >= WAITING:
            raise RequestError(503, "too many requests wait already; come again")
        content = await _body(receive, runtime.params.serving.max_bytes)
        return await replica.predict(content, probe=b"x-mlgate-probe" in headers)

    async def _send(self, send: Send, status: int, body: bytes, allow: str = "") -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if self._replica.runtime is not None:
            headers.append((b"x-model-version", self._replica.runtime.version.encode()))
        if self._replica.draining or status in (408, 413, 415, 503):
            headers.append((b"connection", b"close"))
        if allow:
            headers.append((b"allow", allow.encode()))
        if status != 200:
            counters().refused.labels(str(status)).inc()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _drop_timers(app: Any) -> None:
    """Take BentoML's time limit out of the app that is about to start.

    It leaves a timer for each request, for its full minute and with all that the request held. At a thousand requests
    a second these are what Python's garbage collector then walks, again and again: stops of 100 ms and more. Requests
    have our own limits on either side of the scoring thread: BODY_SECONDS here, and the proxy's for an answer.
    """
    outer = app.middleware_stack
    while (inner := getattr(outer, "app", None)) is not None:
        if type(inner).__name__ == "TimeoutMiddleware":
            outer.app = inner.app
        else:
            outer = inner


def _check_headers(headers: dict[bytes, bytes], most: int) -> None:
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if kind != b"application/json":
        raise RequestError(415, "send application/json", [{"loc": ["header", "content-type"], "msg": "not JSON"}])
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        detail = [{"loc": ["header", "content-encoding"], "msg": "compression is not accepted"}]
        raise RequestError(415, "send application/json, not compressed", detail)
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
        raise RequestError(408, f"the request did not arrive within {BODY_SECONDS:.0f} seconds") from error


def _too_large(most: int) -> RequestError:
    detail = [{"loc": ["header", "content-length"], "msg": f"at most {most:,} bytes"}]
    return RequestError(413, f"a request has at most {most:,} bytes", detail)
