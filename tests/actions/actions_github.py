"""A GitHub for the actions: one repository's issues, comments, pull requests and statuses, and faults on demand."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from actions_source import BOT


@dataclass
class GitHub:
    """A repository's issues, comments, pull requests and statuses. `faults` are answered first, one a request."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def environ(self) -> dict[str, str]:
        return {"GITHUB_API_URL": self.url, "GITHUB_TOKEN": "a-token"}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if method in self.denied:
            return 403, {"message": "Resource not accessible by integration"}
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            return self._listed(method, self.comments, query, body, {"issue": int(found[1])})
        if found := re.fullmatch(r"/issues/comments/(\d+)", path):
            return self._changed(self.comments, int(found[1]), body)
        if found := re.fullmatch(r"/issues/(\d+)/labels", path):
            return 200, [{"name": name} for name in body["labels"]]
        if path == "/issues":
            return self._listed(method, self.issues, query, body, {"state": "open"})
        if found := re.fullmatch(r"/issues/(\d+)", path):
            return self._changed(self.issues, int(found[1]), body)
        if path == "/pulls":
            return self._listed(method, self.pulls, query, body, {"state": "open"})
        if found := re.fullmatch(r"/pulls/(\d+)", path):
            return self._changed(self.pulls, int(found[1]), body)
        if found := re.fullmatch(r"/statuses/([0-9a-f]{40})", path):
            self.statuses.append({**body, "sha": found[1]})
            return 201, body
        if found := re.fullmatch(r"/contents/(.+)", path):
            content = self.files.get(found[1])
            return (
                (404, {"message": "Not Found"})
                if content is None
                else (200, {"content": base64.b64encode(content).decode()})
            )
        return 404, {"message": "Not Found"}

    def _listed(self, method: str, rows: list[Any], query: Any, body: Any, more: dict[str, Any]) -> tuple[int, Any]:
        if method == "POST":
            number = max((row["number"] for row in rows), default=0) + 1
            made = {
                "number": number,
                "id": number,
                "user": {"login": BOT},
                "html_url": f"https://x/{number}",
                **more,
                **body,
            }
            rows.append(made)
            return 201, made
        state = query.get("state", ["open"])[0]
        shown = [row for row in rows if row.get("state", state) == state]
        size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
        return 200, shown[size * (page - 1) : size * page]

    def _changed(self, rows: list[Any], number: int, body: Any) -> tuple[int, Any]:
        row = next((row for row in rows if row["number"] == number), None)
        if row is None:
            return 404, {"message": "Not Found"}
        row.update(body)
        return 200, row


class Door(BaseHTTPRequestHandler):
    """What a client of that GitHub talks to; a subclass is bound to its `state`."""

    state: GitHub

    def do(self) -> None:
        where = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        assert self.headers["Authorization"] == "Bearer a-token"
        self.state.asked.append((self.command, self.path))
        headers: dict[str, str] = {}
        if self.state.faults:
            status, headers, answer = self.state.faults.pop(0)
        else:
            path = where.path.removeprefix("/repos/ada/card-fraud")
            query = parse_qs(where.query)
            status, answer = self.state.answer(self.command, path, query, body)
            if isinstance(answer, list) and len(answer) == int(query.get("per_page", ["30"])[0]):
                page = int(query.get("page", ["1"])[0]) + 1
                rest = "&".join(f"{k}={v[0]}" for k, v in query.items() if k != "page")
                headers = {"Link": f'<{self.state.url}{where.path}?{rest}&page={page}>; rel="next"'}
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_PUT = do  # noqa: N815 - the library's names

    def log_message(self, *arguments: Any) -> None:
        pass
