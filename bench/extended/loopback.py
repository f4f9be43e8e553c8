"""Small HTTP servers on loopback, for as long as a block runs: any handler, and a Git repository that all may fetch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from forge.smart_git import http_backend


class Door(BaseHTTPRequestHandler):
    """A handler that keeps quiet: the verdict is the output."""

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(door: type[Door]) -> Iterator[int]:
    """The port at which `door` answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def git_served(repository: Path) -> Iterator[str]:
    """The URL of a bare repository, as from a forge."""

    class Forge(Door):
        def do_GET(self) -> None:
            http_backend(self, repository, urlsplit(self.path).path.removeprefix(f"/{repository.name}"), "")

        def do_POST(self) -> None:
            self.do_GET()

    with served(Forge) as port:
        yield f"http://127.0.0.1:{port}/{repository.name}"
