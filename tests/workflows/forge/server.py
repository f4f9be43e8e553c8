"""The forge's door: tokens and what they may do, each request and answer checked, faults on demand, Git beside it."""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from forge import releases  # noqa: F401 - its routes
from forge.description import Description
from forge.routes import ROUTES, Work
from forge.smart_git import serve_git
from forge.state import InvalidError, NotFoundError, State
from forge.upstream import PUBLIC

LEVELS = {"none": 0, "read": 1, "write": 2}


@dataclass
class Token:
    """A token as GitHub gives a job: its name for the tests, and what it may do."""

    job: str
    permissions: dict[str, str]

    def may(self, permission: str, level: str) -> bool:
        # The issue side of a pull request (comments, labels) opens to either permission.
        names = (permission, "pull_requests") if permission == "issues" else (permission,)
        return permission == "metadata" or any(LEVELS[self.permissions.get(n, "none")] >= LEVELS[level] for n in names)


@dataclass
class Fault:
    """An answer instead of the real one, for the next requests that match."""

    method: str
    path: str
    status: int
    times: int
    headers: dict[str, str]
    message: str


@dataclass
class Asked:
    """One request to the API, for tests to read."""

    job: str
    method: str
    path: str
    status: int


@dataclass
class Forge:
    """GitHub on loopback for one repository."""

    repository: Path  # bare
    owner: str
    name: str
    tokens: dict[str, Token] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    description: Description = field(init=False)
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.description = Description({path for _, path in ROUTES | PUBLIC})
        self.state = State(self.description, self.repository, self.owner, self.name)
        self.lock = threading.Lock()
        forge = self

        class Bound(_Door):
            served = forge

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.api = f"{self.url}/api"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def fail(self, method: str, path: str, status: int, times: int = 10**6, message: str = "", **headers: str) -> None:
        """Answer so to the next requests whose path the pattern finds; `Retry_After="1"` becomes a header."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.faults.append(Fault(method, path, status, times, named, message or f"fault {status} asked for by a test"))

    def writes(self) -> list[str]:
        """What was changed, as `METHOD path`, without what was refused."""
        return [f"{one.method} {one.path}" for one in self.asked if one.method != "GET" and one.status < 300]

    def answer(self, method: str, target: str, token: Token | None, body: bytes, kind: str) -> tuple[int, Any, dict]:
        """Status, content and headers for a request to the API."""
        path = urlsplit(target).path
        for fault in self.faults:
            if fault.times and fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                return fault.status, {"message": fault.message}, fault.headers
        foreign = "/".join(path.split("/")[2:4]) in self.state.upstream
        found = _match(PUBLIC if foreign else ROUTES, method, path)
        if found is None:
            self.violations.append(f"{method} {path}: the forge knows no such path")
            return 404, {"message": "Not Found"}, {}
        (permission, level, work), names = found
        if token is None:
            return 401, {"message": "Requires authentication"}, {}
        own = names.get("owner", self.owner) == self.owner and names.get("repo", self.name) == self.name
        if not own and not foreign:
            return 404, {"message": "Not Found"}, {}
        if not token.may(permission, level):
            return 403, {"message": "Resource not accessible by integration"}, {}
        if problem := self.description.request_problem(method, target, body, kind):
            self.violations.append(f"{method} {path}: {problem}")
            return 422, {"message": problem}, {}
        query = dict(parse_qsl(urlsplit(target).query))
        try:
            status, content = work(self.state, names, query, json.loads(body or b"{}"))
        except NotFoundError:
            return 404, {"message": "Not Found"}, {}
        except InvalidError as error:
            return 422, {"message": "Validation Failed", "errors": [{"message": str(error)}]}, {}
        content, headers = self._page(content, target, query)
        if problem := self.description.answer_problem(method, target, status, json.dumps(content).encode()):
            self.violations.append(f"answer to {method} {path}: {problem}")
        return status, content, headers

    def _page(self, content: Any, target: str, query: dict[str, str]) -> tuple[Any, dict[str, str]]:
        if not isinstance(content, list):
            return content, {}
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        rest = content[page * size :]
        link = f"{self.api}{urlsplit(target).path}?{urlencode(query | {'page': page + 1})}"
        return content[(page - 1) * size : page * size], {"Link": f'<{link}>; rel="next"'} if rest else {}


def _match(
    routes: dict[tuple[str, str], tuple[str, str, Work]], method: str, path: str
) -> tuple[Any, dict[str, str]] | None:
    for (verb, template), found in routes.items():
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        if verb == method and (names := re.fullmatch(pattern, path)):
            return found, {key: unquote(value) for key, value in names.groupdict().items()}
    return None


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Forge

    def log_message(self, *arguments: object) -> None:
        """Nothing: the tests read `asked`."""

    def _token(self) -> Token | None:
        """The token that was shown. act gives all jobs one; who asks with it says so in its user agent."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        token = self.served.tokens.get(value)
        said = re.fullmatch(r"mlgate \(([\w-]+)\)", self.headers.get("User-Agent", ""))
        if token and token.job == "any" and said:
            return next((one for one in reversed(self.served.tokens.values()) if one.job == said[1]), None)
        return token

    def _any(self) -> None:
        if not self.path.startswith("/api/"):
            serve_git(self, self.served.repository, f"/{self.served.owner}/{self.served.name}", self._token())
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type", "application/json").partition(";")[0]
        token, target = self._token(), self.path.removeprefix("/api")
        with self.served.lock:
            status, content, headers = self.served.answer(self.command, target, token, body, kind)
            job = token.job if token else ""
            self.served.asked.append(Asked(job, self.command, urlsplit(target).path, status))
        data = json.dumps(content).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815
