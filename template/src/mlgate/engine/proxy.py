"""The small proxy of an environment: one fixed port, behind it whichever release should answer, no lost request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from mlgate.engine.body import Body
from mlgate.engine.records import Replica

# A connection's own business (RFC 9110, 7.6.1), never forwarded; Expect is answered here.
HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "expect",
}  # fmt: skip
IDLE_SECONDS = 2  # less than the five after which uvicorn closes an idle connection: we never write into a closed one
ANSWER_SECONDS = 120
HOLD_SECONDS = 60.0  # that a request waits while the release's copy is being started again
SETTLE_SECONDS = 0.3  # after a connection broke: then a dying copy has closed the others, and its port, as well
HELD_MOST = 1_000  # requests that wait at once
WHOLE_BYTES = 1024**2  # of an answer that is had whole before the client is told anything
log = logging.getLogger("mlgate.proxy")


@dataclass(eq=False)
class Target:
    """A replica and the requests that it is working on."""

    replica: Replica
    inflight: int = 0
    loading: asyncio.Task[None] | None = None


class NotLoadedError(Exception):
    """The copy answers, and its model is not loaded (again): the request was not worked on."""


@dataclass
class Forwarder:
    """Sends each request to the current target; a switch changes only where the next one goes.

    A copy that dies fails nobody: what it had not begun to answer is sent once more to the copy after it, where that
    is safe (GET, HEAD, and POST /predict, in which a row counts once however often it is sent), and requests wait up
    to `patience` seconds for that copy. They wait as well where the copy lives and only its worker was started again.
    A second time is only asked what says that it is ready.
    """

    target: Target | None = None
    patience: float = HOLD_SECONDS
    held: int = 0
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request of a client."""
        if not request.raw_path.startswith("/"):  # `@elsewhere/` would make another host of our address
            return refusal(400, "the request target is not a path")
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, since, again = Body(request.content) if request.body_exists else None, time.monotonic(), True
        while target := await self._target(since):
            target.inflight += 1
            try:
                return await self._forward(request, body, target)
            except aiohttp.ClientConnectorError:  # no byte was sent
                await asyncio.sleep(0.05)
            except NotLoadedError:
                await self._loaded(target, since)
            except TimeoutError:
                return refusal(504, f"the release did not answer within {ANSWER_SECONDS} s")
            except aiohttp.ClientError as error:
                log.warning("no answer from release %s: %r", target.replica.version, error)
                if not (again and repeatable(request) and (body is None or body.whole)):
                    return refusal(502, "the release broke off")
                again = False
                await asyncio.sleep(SETTLE_SECONDS)
                await self._loaded(target, since)  # a dead container's port may still take what nobody will answer
            finally:
                target.inflight -= 1
        return refusal(503, "the release does not answer; it is being restarted", retry=2)

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def _target(self, since: float) -> Target | None:
        """Where to send a request that came at `since`; waits while the copy is gone, None when that takes too long."""
        if self.target and time.monotonic() < since + HOLD_SECONDS:
            return self.target
        if self.held >= HELD_MOST:
            return None
        self.held += 1
        try:
            while not self.target and time.monotonic() < since + self.patience:
                await asyncio.sleep(0.02)
        finally:
            self.held -= 1
        return self.target if time.monotonic() < since + HOLD_SECONDS else None

    async def _forward(self, request: web.BaseRequest, body: Body | None, target: Target) -> web.StreamResponse:
        """The answer of `target`, passed on. An aiohttp.ClientError says that the client was told nothing yet."""
        dropped = HOP_BY_HOP | {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in dropped]
        async with self._client().request(
            request.method, URL(f"{target.replica.url}{request.raw_path}", encoded=True), headers=headers,
            data=body.parts() if body else None, allow_redirects=False,
        ) as answer:  # fmt: skip
            refused = answer.status == 503 and request.method == "POST" and repeatable(request)
            if refused and body and body.whole and not await self._ready(target):
                raise NotLoadedError
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            # A service writes head and body apart: who is killed between the two has answered nothing.
            whole = await answer.read() if (answer.content_length or WHOLE_BYTES) < WHOLE_BYTES else None
            return await self._copy(answer, response, request, whole)

    async def _ready(self, target: Target) -> bool:
        async with self._client().get(f"{target.replica.url}/readyz") as answer:
            return answer.status == 200

    async def _loaded(self, target: Target, since: float) -> None:
        """Wait until `target` is ready, or as long as a request that came at `since` may; one asks for all."""

        async def ask() -> None:
            until = time.monotonic() + HOLD_SECONDS
            while self.target is target and time.monotonic() < until:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    if await self._ready(target):
                        return
                await asyncio.sleep(0.1)

        if target.loading is None or target.loading.done():
            target.loading = asyncio.create_task(ask())
        await asyncio.wait([target.loading], timeout=max(0.0, since + HOLD_SECONDS - time.monotonic()))

    @staticmethod
    async def _copy(
        answer: aiohttp.ClientResponse, response: web.StreamResponse, request: web.BaseRequest, whole: bytes | None
    ) -> web.StreamResponse:
        try:
            await response.prepare(request)
            if whole:
                await response.write(whole)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
        except aiohttp.ClientError as error:  # the head is out already: breaking off is the only honest end
            log.warning("an answer broke off: %r", error)
            if request.transport:
                request.transport.abort()
        return response

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=5),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._session


def repeatable(request: web.BaseRequest) -> bool:
    """Whether asking twice is as good as once."""
    return request.method in ("GET", "HEAD") or (request.method, request.path) == ("POST", "/predict")


def refusal(status: int, error: str, retry: int = 0) -> web.Response:
    """A problem of ours in the form of the service's own refusals."""
    headers = {"Retry-After": str(retry)} if retry else {}
    return web.json_response({"error": error, "detail": []}, status=status, headers=headers)


async def listen(forwarder: Forwarder, sockets: list[object]) -> web.ServerRunner:
    """Answer on the given listening sockets."""
    quiet = logging.getLogger("mlgate.proxy.http")
    quiet.setLevel(logging.CRITICAL)  # a client that speaks bad HTTP is answered 400, and not worth a traceback
    runner = web.ServerRunner(web.Server(forwarder, access_log=None, logger=quiet), shutdown_timeout=10)
    await runner.setup()
    for sock in sockets:
        await web.SockSite(runner, sock, backlog=1024).start()  # type: ignore[arg-type]
    return runner
