"""The small proxy of an environment: one fixed port, behind it whichever release should answer, no lost request."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from mlgate.engine.records import Replica

# A connection's own business (RFC 9110, 7.6.1), never forwarded; Expect is answered here.
HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "expect",
}  # fmt: skip
IDLE_SECONDS = 2  # less than the five after which uvicorn closes an idle connection: we never write into a closed one
ANSWER_SECONDS = 120
log = logging.getLogger("mlgate.proxy")


@dataclass(eq=False)
class Target:
    """A replica and the requests that it is working on."""

    replica: Replica
    inflight: int = 0


@dataclass
class Forwarder:
    """Sends each request to the current target; a switch changes only where the next one goes."""

    target: Target | None = None
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request of a client."""
        if not request.raw_path.startswith("/"):  # `@elsewhere/` would make another host of our address
            return refusal(400, "the request target is not a path")
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        for _ in range(2):  # a refused connection means that no byte was sent: it may be tried at the next target
            target = self.target
            if target is None:
                return refusal(503, "no release is running", retry=2)
            target.inflight += 1
            try:
                return await self._forward(request, target)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.1)
            except TimeoutError:
                return refusal(504, f"the release did not answer within {ANSWER_SECONDS} s")
            except aiohttp.ClientError as error:
                log.warning("no answer from release %s: %r", target.replica.version, error)
                return refusal(502, "the release broke off")
            finally:
                target.inflight -= 1
        return refusal(503, "the release does not answer; it is being restarted", retry=2)

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def _forward(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        dropped = HOP_BY_HOP | {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in dropped]
        body = request.content if request.body_exists else None
        async with self._client().request(
            request.method, URL(f"{target.replica.url}{request.raw_path}", encoded=True), headers=headers, data=body,
            allow_redirects=False,
        ) as answer:  # fmt: skip
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            return await self._copy(answer, response, request)

    @staticmethod
    async def _copy(
        answer: aiohttp.ClientResponse, response: web.StreamResponse, request: web.BaseRequest
    ) -> web.StreamResponse:
        try:
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
        except aiohttp.ClientError as error:  # the head is out already: breaking off is the only honest end
            log.warning("an answer broke off: %r", error)
            if request.transport:
                request.transport.abort()
            return response
        await response.write_eof()
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
