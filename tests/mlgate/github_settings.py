"""GitHub's settings on a Unix socket, as the real `gh` reaches them: kept, changed and refused like there."""

from __future__ import annotations

import json
import re
import socketserver
import sys
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.append(str(Path(__file__).resolve().parents[1] / "workflows"))

from forge.description import Description
from github_settings_routes import NOT_FOUND, REPO, ROUTES

NAMED = {"owner": "acme", "repo": "card-fraud"}


class Settings:
    """What one repository is set to. `refuse` maps (method, part of a path) to (status, message), `times` it holds.

    What GitHub's OpenAPI document does not allow, asked or answered, is kept in `violations`.
    """

    def __init__(self, socket: Path) -> None:
        self.description = description()
        self.violations: list[str] = []
        self.admin, self.scopes = True, "repo, workflow"
        self.rulesets: list[dict[str, Any]] = []
        self.environments: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, list[str]] = {}
        self.secrets: set[str] = set()
        self.workflow = {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": False}
        self.labels: dict[str, dict[str, Any]] = {}
        self.pages: dict[str, Any] | None = None
        self.refuse: dict[tuple[str, str], tuple[int, str]] = {}
        self.times = 10**6
        self.asked: list[tuple[str, str, Any]] = []
        served = self

        class Door(_Door):
            settings = served

        self.server = socketserver.ThreadingUnixStreamServer(str(socket), Door)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _ in self.asked if method != "GET"]

    def answer(self, method: str, target: str, content: bytes, kind: str) -> tuple[int, Any]:
        body = json.loads(content or b"null")
        self.asked.append((method, target, body))
        for (verb, part), (status, message) in self.refuse.items():
            if verb == method and part in target and self.times > 0:
                self.times -= 1
                return status, {"message": message}
        for (verb, template), work in ROUTES.items():
            found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template), urlsplit(target).path)
            if verb == method and found and (REPO not in template or NAMED.items() <= found.groupdict().items()):
                if problem := self.description.request_problem(method, target, content, kind):
                    self.violations.append(f"{method} {target}: {problem}")
                    return 422, {"message": problem}
                return self._checked(method, target, *work(self, body, found.groupdict()))
        self.violations.append(f"{method} {target}: nothing is served there")
        return NOT_FOUND

    def _checked(self, method: str, target: str, status: int, content: Any) -> tuple[int, Any]:
        body = b"" if content is None else json.dumps(content).encode()
        if status < 400 and (problem := self.description.answer_problem(method, target, status, body)):
            self.violations.append(f"answer to {method} {target}: {problem}")
        return status, content

    def person(self, login: str, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.description.example("public-user-default-response")
        return found | {"login": login, "id": number, "type": "User", "user_view_type": "public"}

    def environment(self, name: str) -> dict[str, Any]:
        kept, whole = self.environments[name], self.description.example("environment")
        asked = next(rule for rule in whole["protection_rules"] if rule["type"] == "required_reviewers")
        known = next(entry["reviewer"] for entry in asked["reviewers"] if entry["type"] == "User")
        people = [{"login": "x" * one["id"], "id": one["id"]} for one in kept["people"]]
        asked["reviewers"] = [{"type": "User", "reviewer": known | one} for one in people]
        rules = [asked] if people else []
        return whole | {"name": name, "deployment_branch_policy": kept["policy"], "protection_rules": rules}


@cache
def description() -> Description:
    """Read once: it takes a second."""
    return Description({path for _, path in ROUTES})


class _Door(BaseHTTPRequestHandler):
    settings: Settings
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "gh"

    def log_message(self, *_: object) -> None:
        pass

    def _body(self) -> bytes:
        """What was sent; `gh --input -` sends it in chunks."""
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _serve(self) -> None:
        kind = self.headers.get("content-type", "application/json").partition(";")[0]
        target = self.path.removeprefix("/api/v3")
        status, content = self.settings.answer(self.command, target, self._body(), kind)
        text = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-OAuth-Scopes", self.settings.scopes)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - names that http.server asks for
