"""Tags and releases: read from the repository itself, and made where a token may write contents."""

from __future__ import annotations

import subprocess
from typing import Any

from forge.routes import REPO, Query, route
from forge.state import InvalidError, NotFoundError, Resource, State


def _git(state: State, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=state.repository, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotFoundError(words[-1])
    return done.stdout.strip()


def _object(state: State, name: str) -> Resource:
    sha, kind = _git(state, "rev-parse", "--verify", "-q", name), _git(state, "cat-file", "-t", name)
    return {
        "sha": sha,
        "type": kind,
        "url": f"https://api.github.com/repos/{state.owner}/{state.name}/git/{kind}s/{sha}",
    }


@route("GET", REPO + "/git/ref/{ref}", "contents")
def get_ref(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    name = f"refs/{names['ref']}"
    return 200, state.description.example("git-ref") | {"ref": name, "object": _object(state, name)}


@route("GET", REPO + "/git/tags/{tag_sha}", "contents")
def get_tag(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    target = _object(state, f"{names['tag_sha']}^{{}}")
    return 200, state.description.example("git-tag") | {"sha": names["tag_sha"], "object": target}


@route("GET", REPO + "/releases/tags/{tag}", "contents")
def get_release(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    for release in state.releases:
        if release["tag_name"] == names["tag"]:
            return 200, release
    raise NotFoundError(names["tag"])


@route("POST", REPO + "/releases", "contents", "write")
def create_release(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    if any(release["tag_name"] == body["tag_name"] for release in state.releases):
        raise InvalidError("already_exists")
    found = state.description.example("release") | body
    found |= {"id": 6000 + len(state.releases), "draft": False, "prerelease": False}
    found["html_url"] = f"https://github.com/{state.owner}/{state.name}/releases/tag/{body['tag_name']}"
    state.releases.append(found)
    return 201, found


@route("PATCH", REPO + "/releases/{release_id}", "contents", "write")
def update_release(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    for release in state.releases:
        if release["id"] == int(names["release_id"]):
            release |= body
            return 200, release
    raise NotFoundError(names["release_id"])
