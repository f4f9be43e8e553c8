"""No request leaves something behind that the garbage collector has to walk for a minute: BentoML's own limit does."""

from __future__ import annotations

import asyncio
from typing import Any

from bentoml._internal.server.http.traffic import TimeoutMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware

from mlgate.serving.front import Front
from mlgate.serving.replica import Replica

LIMIT = Middleware(TimeoutMiddleware, timeout=60)


def waiting_after(requests: int, middleware: list[Middleware]) -> int:
    """Timers that wait in the event loop after so many requests were answered."""

    async def ask() -> int:
        app = Starlette(middleware=middleware)
        await through(app, {"type": "lifespan", "asgi": {"version": "3.0"}}, {"type": "lifespan.startup"})
        for _ in range(requests):
            scope = {"type": "http", "method": "GET", "path": "/nowhere", "headers": [], "query_string": b""}
            await through(app, scope, {"type": "http.request", "body": b""})
        return sum(not timer.cancelled() for timer in asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]

    return asyncio.run(ask())


async def through(app: Any, scope: dict[str, Any], message: dict[str, Any]) -> None:
    messages = [{"type": "lifespan.shutdown"}, message]

    async def receive() -> dict[str, Any]:
        return messages.pop()

    async def send(_: dict[str, Any]) -> None:
        pass

    await app(scope, receive, send)


def test_bentoml_keeps_a_timer_for_every_request_that_it_answered() -> None:
    assert waiting_after(50, [LIMIT]) == 50


def test_behind_our_door_no_request_leaves_a_timer() -> None:
    assert waiting_after(50, [LIMIT, Middleware(Front, replica=Replica())]) == 0
