"""What a client is told where a copy dies in the middle of an answer: nothing of it, and the next copy's instead."""

from __future__ import annotations

import asyncio
import socket
import time
from types import SimpleNamespace

import aiohttp
import pytest

from mlgate.engine.proxy import WHOLE_BYTES, Forwarder, Target, listen

BODY = b'{"predictions": []}'


class Service:
    """Answers a connection's one request; the first `breaks` of them get the head and half of the body, no more.

    For `gone` seconds after such a break it takes connections and closes them without a word, as the port of a dead
    container does until its engine has noticed.
    """

    def __init__(self, body: bytes, breaks: int, gone: float = 0.0) -> None:
        self.body, self.breaks, self.gone, self.asked, self.back = body, breaks, gone, 0, 0.0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if time.monotonic() < self.back:
            writer.close()
            return
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /readyz"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        if b"content-length: 2" in head.lower():
            await reader.readexactly(2)
        self.asked += 1
        if self.asked <= self.breaks:
            self.back = time.monotonic() + self.gone
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.body))
        writer.write(self.body[: len(self.body) // 2] if self.asked <= self.breaks else self.body)
        await writer.drain()
        writer.close()


async def asked(service: Service, method: str, path: str) -> tuple[int, bytes]:
    """Status and body as a client of the proxy has them; aiohttp.ClientError where its answer broke off."""
    server = await asyncio.start_server(service, "127.0.0.1", 0)
    there = server.sockets[0].getsockname()[1]
    replica = SimpleNamespace(url=f"http://127.0.0.1:{there}", version="a" * 12)
    forwarder = Forwarder(target=Target(replica))  # type: ignore[arg-type]
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        runner = await listen(forwarder, [sock])
        try:
            async with (
                aiohttp.ClientSession() as client,
                client.request(
                    method, f"http://127.0.0.1:{sock.getsockname()[1]}{path}", data=b"[]" if method == "POST" else None
                ) as answer,
            ):
                return answer.status, await answer.read()
        finally:
            await forwarder.close()
            await runner.cleanup()
            server.close()


@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/metrics")])
def test_case_30_a_copy_that_dies_between_head_and_body_has_answered_nothing(method: str, path: str) -> None:
    service = Service(BODY, breaks=1)
    assert asyncio.run(asked(service, method, path)) == (200, BODY)
    assert service.asked == 2


def test_case_30_a_port_that_outlives_its_copy_does_not_use_up_the_second_try() -> None:
    service = Service(BODY, breaks=1, gone=1.5)
    assert asyncio.run(asked(service, "POST", "/predict")) == (200, BODY)
    assert service.asked == 2


def test_what_may_not_be_asked_twice_is_told_that_it_broke_off() -> None:
    service = Service(BODY, breaks=1)
    status, body = asyncio.run(asked(service, "POST", "/elsewhere"))
    assert (status, b"the release broke off" in body, service.asked) == (502, True, 1)


def test_a_long_answer_is_passed_on_as_it_comes_and_breaks_off_as_it_did() -> None:
    service = Service(b"x" * 2 * WHOLE_BYTES, breaks=1)
    with pytest.raises(aiohttp.ClientError):
        asyncio.run(asked(service, "POST", "/predict"))
    assert service.asked == 1
    assert asyncio.run(asked(Service(service.body, breaks=0), "POST", "/predict")) == (200, service.body)
