"""Git over HTTP by Git's own `http-backend`: a private repository, so every fetch and push shows a token."""

from __future__ import annotations

import os
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from forge.server import Token

# As a ruleset on main does: what a job's token pushes there is refused.
PROTECTED = """#!/bin/sh
case "$1" in refs/heads/main) echo "GH013: Repository rule violations found for $1" >&2; exit 1;; esac
"""


def protect(repository: Path) -> None:
    """Let `refs/heads/main` be moved from this machine only, as by a merged pull request."""
    hook = repository / "hooks" / "update"
    hook.write_text(PROTECTED.replace("case", 'test -n "$REMOTE_USER" || exit 0\ncase', 1), encoding="utf-8")
    hook.chmod(0o755)


def serve_git(door: BaseHTTPRequestHandler, repository: Path, prefix: str, token: Token | None) -> None:
    url = urlsplit(door.path)
    inner = url.path.removeprefix(prefix).removeprefix(".git")
    level = "write" if "git-receive-pack" in door.path else "read"
    if not url.path.startswith(prefix):
        return _refuse(door, 404)
    if token is None:
        return _refuse(door, 401)
    if not token.may("contents", level):
        return _refuse(door, 403)
    http_backend(door, repository, inner, token.job)
    return None


def http_backend(door: BaseHTTPRequestHandler, repository: Path, inner: str, user: str) -> None:
    """Let Git's own program answer for `repository`; `inner` is the path in it, `user` whoever may push."""
    body = _body(door)
    environ = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(repository),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": door.headers.get("Git-Protocol", ""),
        "HTTP_CONTENT_ENCODING": door.headers.get("Content-Encoding", ""),
        "REMOTE_USER": user,
        "REQUEST_METHOD": door.command,
        "PATH_INFO": inner,
        "QUERY_STRING": urlsplit(door.path).query,
        "CONTENT_TYPE": door.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    lines = [line.partition(": ")[::2] for line in head.decode().split("\r\n")]
    status = next((int(value.split()[0]) for key, value in lines if key == "Status"), 200 if done.stdout else 500)
    door.send_response(status)
    for key, value in lines:
        if key and key != "Status":
            door.send_header(key, value)
    door.send_header("Content-Length", str(len(content)))
    door.end_headers()
    door.wfile.write(content)


def _body(door: BaseHTTPRequestHandler) -> bytes:
    if door.headers.get("Transfer-Encoding", "") != "chunked":
        return door.rfile.read(int(door.headers.get("Content-Length") or 0))
    found = b""
    while size := int(door.rfile.readline().split(b";")[0], 16):
        found += door.rfile.read(size)
        door.rfile.readline()
    door.rfile.readline()
    return found


def _refuse(door: BaseHTTPRequestHandler, status: int) -> None:
    _body(door)
    door.send_response(status)
    if status == 401:
        door.send_header("WWW-Authenticate", 'Basic realm="forge"')
    door.send_header("Content-Length", "0")
    door.end_headers()
