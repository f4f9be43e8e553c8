"""A request's body on its way through the proxy: passed on as it comes, and kept, so that it can be sent once more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

KEPT_BYTES = 8 * 1024**2  # of one request; a longer one is passed on but can't be sent again


class Source(Protocol):
    """Where the bytes come from: aiohttp's stream of a request."""

    async def readany(self) -> bytes:
        """The next bytes; none at the end."""


class Body:
    """Reads a body once, however often it is sent."""

    def __init__(self, source: Source) -> None:
        self.whole = True  # nothing that was read was let go
        self._source = source
        self._kept: list[bytes] = []
        self._size, self._ended = 0, False
        self._reading = asyncio.Lock()  # a sender whose connection broke may still wait for bytes that the next needs

    async def parts(self) -> AsyncIterator[bytes]:
        """The body from its beginning, for one sender; only while it is `whole`."""
        at = 0
        while True:
            if at < len(self._kept):
                yield self._kept[at]
                at += 1
            elif self._ended:
                return
            else:
                async with self._reading:
                    fresh = b"" if at < len(self._kept) or self._ended else await self._read()
                if fresh:
                    yield fresh

    async def _read(self) -> bytes:
        """Keep what comes next; or, where it gets too much, let go of all and hand it out."""
        chunk = await self._source.readany()
        self._size += len(chunk)
        self._ended = not chunk
        if not chunk:
            return b""
        if self.whole and self._size <= KEPT_BYTES:
            self._kept.append(chunk)
            return b""
        self.whole = False
        return chunk
