"""The paths that the forge serves: a row each, with the permission that GitHub asks for and what is done."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from typing import Any

from forge.state import BOT, InvalidError, NotFoundError, Resource, State

REPO = "/repos/{owner}/{repo}"
Query = dict[str, str]
Work = Callable[[State, dict[str, str], Query, Resource], tuple[int, Any]]
ROUTES: dict[tuple[str, str], tuple[str, str, Work]] = {}


def route(method: str, path: str, permission: str, level: str = "read") -> Callable[[Work], Work]:
    def keep(work: Work) -> Work:
        ROUTES[method, path] = (permission, level, work)
        return work

    return keep


@route("GET", REPO, "metadata")
def repository(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    found = state.description.example("full-repository")
    found |= {"name": state.name, "full_name": f"{state.owner}/{state.name}", "default_branch": "main"}
    found = {key: value for key, value in found.items() if key not in ("parent", "source", "template_repository")}
    return 200, found | {"owner": state.user(state.owner), "has_discussions": False, "fork": False}


@route("GET", REPO + "/issues", "issues")
def list_issues(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    wanted = set(filter(None, query.get("labels", "").split(",")))
    found = [
        issue
        for issue in reversed(state.issues.values())
        if query.get("state", "open") in ("all", issue["state"])
        and wanted <= {label["name"] for label in issue["labels"]}
        and query.get("creator", issue["user"]["login"]) == issue["user"]["login"]
    ]
    return 200, found


@route("POST", REPO + "/issues", "issues", "write")
def create_issue(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    return 201, state.open_issue(str(body["title"]), body.get("body"), body.get("labels", []))


@route("GET", REPO + "/issues/{issue_number}", "issues")
def get_issue(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    return 200, state.issue(int(names["issue_number"]))


@route("PATCH", REPO + "/issues/{issue_number}", "issues", "write")
def update_issue(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    issue = state.issue(int(names["issue_number"]))
    labels = body.pop("labels", None)
    issue |= body
    if labels is not None:
        issue["labels"] = [state.label(one if isinstance(one, str) else one["name"]) for one in labels]
    issue["closed_at"] = "2026-01-01T00:00:00Z" if issue["state"] == "closed" else None
    return 200, issue


@route("POST", REPO + "/issues/{issue_number}/labels", "issues", "write")
def add_labels(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    number = int(names["issue_number"])
    issue = state.issue(number)
    for name in body["labels"]:
        if name not in [label["name"] for label in issue["labels"]]:
            issue["labels"].append(state.label(name))
    if number in state.pulls:
        state.pulls[number]["labels"] = issue["labels"]
    return 200, issue["labels"]


@route("GET", REPO + "/issues/{issue_number}/comments", "issues")
def list_comments(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    state.issue(int(names["issue_number"]))
    return 200, state.comments[int(names["issue_number"])]


@route("POST", REPO + "/issues/{issue_number}/comments", "issues", "write")
def create_comment(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    if len(body["body"]) > 65536:
        raise InvalidError("body is too long (maximum is 65536 characters)")
    return 201, state.comment(int(names["issue_number"]), body["body"])


@route("PATCH", REPO + "/issues/comments/{comment_id}", "issues", "write")
def update_comment(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    comment = state.find_comment(int(names["comment_id"]))
    if comment["user"]["login"] != BOT:
        raise InvalidError("a token of Actions edits its own comments only")
    if len(body["body"]) > 65536:
        raise InvalidError("body is too long (maximum is 65536 characters)")
    comment["body"] = body["body"]
    return 200, comment


@route("GET", REPO + "/labels/{name}", "issues")
def get_label(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    if names["name"] not in state.labels:
        raise NotFoundError(names["name"])
    return 200, state.labels[names["name"]]


@route("POST", REPO + "/labels", "issues", "write")
def create_label(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    if body["name"] in state.labels:
        raise InvalidError("already_exists")
    return 201, state.label(body["name"]) | body


@route("GET", REPO + "/pulls", "pull_requests")
def list_pulls(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    found = [
        {key: value for key, value in pull.items() if key not in ("merged_by",)}
        for pull in reversed(state.pulls.values())
        if query.get("state", "open") in ("all", pull["state"])
        and query.get("head", pull["head"]["label"]) == pull["head"]["label"]
        and query.get("base", pull["base"]["ref"]) == pull["base"]["ref"]
    ]
    return 200, found


@route("POST", REPO + "/pulls", "pull_requests", "write")
def create_pull(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    head = body["head"].removeprefix(f"{state.owner}:")
    try:
        same = state.commit(head) == state.commit(body["base"])
    except NotFoundError as error:
        raise InvalidError(f"head or base is no branch: {error}") from error
    if same:
        raise InvalidError(f"No commits between {body['base']} and {head}")
    for pull in state.pulls.values():
        if pull["state"] == "open" and pull["head"]["label"] == f"{state.owner}:{head}":
            raise InvalidError(f"A pull request already exists for {state.owner}:{head}.")
    return 201, state.open_pull(body["title"], body.get("body"), head, body["base"])


@route("GET", REPO + "/pulls/{pull_number}", "pull_requests")
def get_pull(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    number = int(names["pull_number"])
    if number not in state.pulls:
        raise NotFoundError(str(number))
    return 200, state.pulls[number]


@route("PATCH", REPO + "/pulls/{pull_number}", "pull_requests", "write")
def update_pull(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    _, pull = get_pull(state, names, query, body)
    pull |= {key: value for key, value in body.items() if key != "base"}
    state.issues[pull["number"]] |= {key: pull[key] for key in ("title", "body", "state")}
    return 200, pull


@route("POST", REPO + "/statuses/{sha}", "statuses", "write")
def create_status(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    if len(body.get("description") or "") > 140:
        raise InvalidError("description is too long (maximum is 140 characters)")
    return 201, state.set_status(names["sha"], body)


@route("GET", REPO + "/commits/{ref}/statuses", "statuses")
def list_statuses(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    return 200, state.statuses_of(names["ref"])


@route("GET", REPO + "/actions/runs/{run_id}/approvals", "actions")
def list_approvals(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    return 200, state.approvals


@route("GET", REPO + "/contents/{path}", "contents")
def get_content(state: State, names: Query, query: Query, body: Resource) -> tuple[int, Any]:
    commit, path = state.commit(query.get("ref", "main")), names["path"]
    words = ["git", "show", f"{commit}:{path}"]
    done = subprocess.run(words, cwd=state.repository, capture_output=True, check=False)
    if done.returncode:
        raise NotFoundError(path)
    found = state.description.example("content-file-response-if-content-is-a-file")
    content = base64.encodebytes(done.stdout).decode()
    return 200, found | {"name": path, "path": path, "size": len(done.stdout), "content": content}
