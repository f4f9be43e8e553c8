"""GitHub's settings on a Unix socket, as the real `gh` reaches them: kept, changed and refused like there."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

REPOSITORY = "/repos/acme/card-fraud"


class Settings:
    """What one repository is set to. `refuse` maps (method, part of a path) to (status, message), `times` it holds."""

    def __init__(self, socket: Path) -> None:
        self.admin, self.scopes = True, "repo, workflow"
        self.rulesets: list[dict[str, Any]] = []
        self.environments: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, list[str]] = {}
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
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _ in self.asked if method != "GET"]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, body))
        for (verb, part), (status, message) in self.refuse.items():
            if verb == method and part in path and self.times > 0:
                self.times -= 1
                return status, {"message": message}
        if path == "/user":
            return 200, {"login": "ada", "id": 7}
        if found := re.fullmatch(r"/users/(\w+)", path):
            return 200, {"login": found[1], "id": len(found[1]), "type": "User"}
        rest = path.partition("?")[0].removeprefix(REPOSITORY)
        for pattern, work in ROUTES.items():
            if found := re.fullmatch(pattern, f"{method} {rest}"):
                return work(self, body, *found.groups())
        return 404, {"message": "Not Found"}


def _repository(s: Settings, _: Any) -> tuple[int, Any]:
    return 200, {"full_name": "acme/card-fraud", "permissions": {"admin": s.admin, "pull": True}}


def _list_rulesets(s: Settings, _: Any) -> tuple[int, Any]:
    return 200, [{"id": i, "name": rule["name"]} for i, rule in enumerate(s.rulesets)]


def _get_ruleset(s: Settings, _: Any, number: str) -> tuple[int, Any]:
    return 200, {"id": int(number), "source_type": "Repository", **s.rulesets[int(number)]}


def _add_ruleset(s: Settings, body: Any) -> tuple[int, Any]:
    s.rulesets.append(body)
    return 201, {"id": len(s.rulesets) - 1, **body}


def _put_ruleset(s: Settings, body: Any, number: str) -> tuple[int, Any]:
    s.rulesets[int(number)] = body
    return 200, {"id": int(number), **body}


def _environment(s: Settings, _: Any, name: str) -> tuple[int, Any]:
    found = s.environments.get(name)
    if found is None:
        return 404, {"message": "Not Found"}
    people = [{"type": "User", "reviewer": {"login": f"{'x' * one['id']}", "id": one["id"]}} for one in found["people"]]
    rules = [{"id": 1, "type": "required_reviewers", "reviewers": people}] if people else []
    return 200, {"name": name, "deployment_branch_policy": found["policy"], "protection_rules": rules}


def _put_environment(s: Settings, body: Any, name: str) -> tuple[int, Any]:
    s.environments[name] = {"policy": body["deployment_branch_policy"], "people": body.get("reviewers", [])}
    return 200, {"name": name}


def _policies(s: Settings, _: Any, name: str) -> tuple[int, Any]:
    if name not in s.environments:
        return 404, {"message": "Not Found"}
    return 200, {"branch_policies": [{"name": branch} for branch in s.policies.get(name, [])]}


def _add_policy(s: Settings, body: Any, name: str) -> tuple[int, Any]:
    s.policies.setdefault(name, []).append(body["name"])
    return 200, {"name": body["name"]}


def _put_workflow(s: Settings, body: Any) -> tuple[int, Any]:
    s.workflow = body
    return 204, None


def _label(s: Settings, _: Any, name: str) -> tuple[int, Any]:
    return (200, s.labels[name]) if name in s.labels else (404, {"message": "Not Found"})


def _add_label(s: Settings, body: Any) -> tuple[int, Any]:
    s.labels[body["name"]] = body
    return 201, body


def _set_pages(s: Settings, body: Any) -> tuple[int, Any]:
    s.pages = body
    return 201, body


ROUTES: dict[str, Any] = {
    "GET ": _repository,
    "GET /rulesets": _list_rulesets,
    r"GET /rulesets/(\d+)": _get_ruleset,
    "POST /rulesets": _add_ruleset,
    r"PUT /rulesets/(\d+)": _put_ruleset,
    r"GET /environments/(\w+)": _environment,
    r"PUT /environments/(\w+)": _put_environment,
    r"GET /environments/(\w+)/deployment-branch-policies": _policies,
    r"POST /environments/(\w+)/deployment-branch-policies": _add_policy,
    "GET /actions/permissions/workflow": lambda s, _: (200, s.workflow),
    "PUT /actions/permissions/workflow": _put_workflow,
    r"GET /labels/([\w-]+)": _label,
    "POST /labels": _add_label,
    "GET /pages": lambda s, _: (200, s.pages) if s.pages else (404, {"message": "Not Found"}),
    "(?:POST|PUT) /pages": _set_pages,
}


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
        body = json.loads(self._body() or "null")
        status, content = self.settings.answer(self.command, self.path.removeprefix("/api/v3"), body)
        text = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-OAuth-Scopes", self.settings.scopes)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - names that http.server asks for
