"""GitHub's OpenAPI document, cut to the paths that the forge serves, and requests and answers checked against it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from node import packages
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

DOCUMENT = "node_modules/@octokit/openapi/generated/api.github.com.json"
HOST = "https://api.github.com"


class Description:
    """What GitHub says that these paths take and give."""

    def __init__(self, paths: set[str]) -> None:
        self.document = _cut(paths)
        self.openapi = OpenAPI.from_dict(self.document)

    def example(self, name: str) -> Any:
        """A whole resource as GitHub's document shows it: what the forge fills its own values into."""
        return copy.deepcopy(self.document["components"]["examples"][name]["value"])

    def request_problem(self, method: str, target: str, body: bytes, kind: str) -> str:
        """Why GitHub would refuse this request, in words; empty where it would not."""
        try:
            self.openapi.validate_request(_request(method, target, body, kind))
        except OpenAPIError as error:
            return _words(error)
        return ""

    def answer_problem(self, method: str, target: str, status: int, body: bytes) -> str:
        """Why GitHub would not have given this answer: a mistake of the forge."""
        kind = "application/json"
        response = MockResponse(body, status_code=status, content_type=kind)
        try:
            self.openapi.validate_response(_request(method, target, b"", kind), response)
        except OpenAPIError as error:
            return _words(error)
        return ""


def _request(method: str, target: str, body: bytes, kind: str) -> MockRequest:
    url = urlsplit(target)
    # An empty body with a type is refused where none is due.
    arguments = {"data": body or None, "content_type": kind} if body else {}
    return MockRequest(HOST, method.lower(), url.path, args=dict(parse_qsl(url.query)), **arguments)


def _words(error: BaseException) -> str:
    """Short: the document's own texts repeat the whole body."""
    details = getattr(error.__cause__, "schema_errors", ())
    return "; ".join([f"{'/'.join(map(str, one.path))}: {one.message}"[:300] for one in details] or [str(error)[:300]])


def _cut(paths: set[str]) -> dict[str, Any]:
    """The document with these paths and what they refer to; made once, since the whole has 13 MB."""
    folder = packages()
    made = hashlib.sha256("\n".join([Path(__file__).read_text(encoding="utf-8"), *sorted(paths)]).encode()).hexdigest()
    kept = folder / f"api-{made[:12]}.json"
    if not kept.exists():
        whole = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
        unknown = paths - set(whole["paths"])
        assert not unknown, f"GitHub has no such path: {unknown}"
        part = _reachable(whole, {path: whole["paths"][path] for path in paths})
        new = kept.with_suffix(f".{id(part)}.new")
        new.write_text(json.dumps(part), encoding="utf-8")
        new.rename(kept)
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def _reachable(whole: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = {"openapi": whole["openapi"], "info": whole["info"], "servers": [{"url": HOST}]}
    part |= {"paths": paths, "components": {}}
    wanted = list(_references(paths))
    while wanted:
        _, kind, name = wanted.pop().removeprefix("#/").split("/")
        if name not in part["components"].setdefault(kind, {}):
            part["components"][kind][name] = found = whole["components"][kind][name]
            wanted += _references(found)
    for item in paths.values():
        for method, operation in item.items():
            if method in ("post", "patch", "put"):
                _refuse_unknown_keys(operation)
    return part


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _refuse_unknown_keys(operation: dict[str, Any]) -> None:
    """GitHub ignores a misspelt key; a test should not."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
