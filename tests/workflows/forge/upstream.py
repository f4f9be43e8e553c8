"""Repositories of others, which every token may read: an action's latest release, its commit, and its action.yml."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from forge.routes import REPO, Query, Work
from forge.state import NotFoundError, Resource, State

PUBLIC: dict[tuple[str, str], tuple[str, str, Work]] = {}


@dataclass(frozen=True)
class Upstream:
    """What a repository has released; without a tag, nothing."""

    tag: str = ""
    sha: str = ""
    action: str = ""


def _found(state: State, names: Query) -> Upstream:
    found: Upstream = state.upstream[f"{names['owner']}/{names['repo']}"]
    if not found.tag:
        raise NotFoundError(names["repo"])
    return found


def latest(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    return 200, state.description.example("release") | {"tag_name": _found(state, names).tag}


def commit(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    found = _found(state, names)
    if names["ref"] not in (found.tag, found.sha):
        raise NotFoundError(names["ref"])
    shown = state.description.example("commit")
    return 200, {key: value for key, value in shown.items() if key != "files"} | {"sha": found.sha}


def content(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    found = _found(state, names)
    if names["path"] != "action.yml" or query.get("ref") != found.sha or not found.action:
        raise NotFoundError(names["path"])
    shown = state.description.example("content-file-response-if-content-is-a-file")
    return 200, shown | {"name": "action.yml", "content": base64.encodebytes(found.action.encode()).decode()}


for path, work in (("/releases/latest", latest), ("/commits/{ref}", commit), ("/contents/{path}", content)):
    PUBLIC["GET", REPO + path] = ("metadata", "read", work)
