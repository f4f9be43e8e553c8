"""What GitHub answers about one repository's settings, a function for each address: see github_settings.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from github_settings import Settings

REPO = "/repos/{owner}/{repo}"
NOT_FOUND = 404, {"message": "Not Found"}
Work = Callable[["Settings", Any, dict[str, str]], tuple[int, Any]]
ROUTES: dict[tuple[str, str], Work] = {}


def route(method: str, path: str) -> Callable[[Work], Work]:
    def keep(work: Work) -> Work:
        ROUTES[method, path] = work
        return work

    return keep


@route("GET", "/user")
def _user(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    return 200, s.person("ada", 7)


@route("GET", "/users/{username}")
def _someone(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    return 200, s.person(names["username"], len(names["username"]))


@route("GET", REPO)
def _repository(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    example = s.description.example("full-repository-default-response")
    found = {key: value for key, value in example.items() if key not in ("parent", "source", "template_repository")}
    rights = {"admin": s.admin, "push": s.admin, "pull": True}
    return 200, found | {"name": "card-fraud", "full_name": "acme/card-fraud", "permissions": rights, "language": None}


def _ruleset(s: Settings, number: int) -> dict[str, Any]:
    whole = s.description.example("repository-ruleset")
    return {**whole, "source_type": "Repository", "source": "acme/card-fraud", **s.rulesets[number], "id": number}


@route("GET", REPO + "/rulesets")
def _list_rulesets(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    details = ("rules", "conditions", "bypass_actors")
    listed = [_ruleset(s, number) for number in range(len(s.rulesets))]
    return 200, [{key: value for key, value in one.items() if key not in details} for one in listed]


@route("GET", REPO + "/rulesets/{ruleset_id}")
def _get_ruleset(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    return 200, _ruleset(s, int(names["ruleset_id"]))


@route("POST", REPO + "/rulesets")
def _add_ruleset(s: Settings, body: Any, names: dict[str, str]) -> tuple[int, Any]:
    s.rulesets.append(body)
    return 201, _ruleset(s, len(s.rulesets) - 1)


@route("PUT", REPO + "/rulesets/{ruleset_id}")
def _put_ruleset(s: Settings, body: Any, names: dict[str, str]) -> tuple[int, Any]:
    s.rulesets[int(names["ruleset_id"])] = body
    return 200, _ruleset(s, int(names["ruleset_id"]))


ENVIRONMENT = REPO + "/environments/{environment_name}"


@route("GET", ENVIRONMENT)
def _get_environment(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    name = names["environment_name"]
    return (200, s.environment(name)) if name in s.environments else NOT_FOUND


@route("PUT", ENVIRONMENT)
def _put_environment(s: Settings, body: Any, names: dict[str, str]) -> tuple[int, Any]:
    name = names["environment_name"]
    s.environments[name] = {"policy": body["deployment_branch_policy"], "people": body.get("reviewers", [])}
    return 200, s.environment(name)


def _policy(s: Settings, branch: str) -> dict[str, Any]:
    return {**s.description.example("deployment-branch-policy-single-branch"), "name": branch}


@route("GET", ENVIRONMENT + "/deployment-branch-policies")
def _policies(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    if names["environment_name"] not in s.environments:
        return NOT_FOUND
    found = [_policy(s, branch) for branch in s.policies.get(names["environment_name"], [])]
    return 200, {"total_count": len(found), "branch_policies": found}


@route("POST", ENVIRONMENT + "/deployment-branch-policies")
def _add_policy(s: Settings, body: Any, names: dict[str, str]) -> tuple[int, Any]:
    s.policies.setdefault(names["environment_name"], []).append(body["name"])
    return 200, _policy(s, body["name"])


@route("GET", ENVIRONMENT + "/secrets/{secret_name}")
def _secret(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    if names["environment_name"] not in s.environments or names["secret_name"] not in s.secrets:
        return NOT_FOUND
    return 200, {**s.description.example("actions-secret"), "name": names["secret_name"]}


@route("GET", REPO + "/actions/permissions/workflow")
def _workflow(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    return 200, s.workflow


@route("PUT", REPO + "/actions/permissions/workflow")
def _put_workflow(s: Settings, body: Any, names: dict[str, str]) -> tuple[int, Any]:
    s.workflow = body
    return 204, None


@route("GET", REPO + "/labels/{name}")
def _label(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    found = s.labels.get(names["name"])
    return (200, {**s.description.example("label"), **found}) if found else NOT_FOUND


@route("POST", REPO + "/labels")
def _add_label(s: Settings, body: Any, names: dict[str, str]) -> tuple[int, Any]:
    s.labels[body["name"]] = body
    return 201, {**s.description.example("label"), **body}


@route("GET", REPO + "/pages")
def _pages(s: Settings, _: Any, names: dict[str, str]) -> tuple[int, Any]:
    return (200, {**s.description.example("page"), **s.pages}) if s.pages else NOT_FOUND


@route("POST", REPO + "/pages")
def _add_pages(s: Settings, body: Any, names: dict[str, str]) -> tuple[int, Any]:
    s.pages = body
    return 201, {**s.description.example("page"), **body}


@route("PUT", REPO + "/pages")
def _put_pages(s: Settings, body: Any, names: dict[str, str]) -> tuple[int, Any]:
    s.pages = body
    return 204, None
