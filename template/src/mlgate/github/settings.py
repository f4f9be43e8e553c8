"""Each setting that the workflows rely on: what is, what should be, and how it is brought about."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mlgate.errors import ConfigError
from mlgate.github.api import Api, RefusedError

LABELS = {
    "drift": ("d93f0b", "The live model drifts or decays; opened and closed by the monitor workflow"),
    "retrain": ("1d76db", "A retrained model that passed its gates"),
    "data": ("0e8a16", "A new data version"),
    "incident": ("b60205", "The live model does harm, is wrong, or does not answer"),
    "thresholds-approved": ("fbca04", "An owner agrees that this pull request loosens a threshold"),
}


@dataclass(frozen=True)
class Setting(ABC):
    """One thing to be set; `title` is what a person reads, `by_hand` the mend of what only a person can set."""

    by_hand: ClassVar[str] = ""
    id: str
    title: str

    @abstractmethod
    def missing(self, api: Api) -> str:
        """What is not as it should be, in words; empty where all is."""

    @abstractmethod
    def apply(self, api: Api) -> str:
        """Bring it about, and say what was changed."""


@dataclass(frozen=True)
class Ruleset(Setting):
    """A ruleset as `.github/rulesets/*.json` keeps it, in the form that GitHub exports."""

    wanted: dict[str, Any]

    def missing(self, api: Api) -> str:
        found = self._found(api)
        if found is None:
            return "there is no such ruleset"
        return "; ".join(differences(self.wanted, found))

    def apply(self, api: Api) -> str:
        found = self._found(api)
        if found is None:
            api.send("POST", "{repo}/rulesets", self.wanted)
            return f"made the ruleset {self.wanted['name']!r}"
        api.send("PUT", f"{{repo}}/rulesets/{found['id']}", self.wanted)
        return f"changed the ruleset {self.wanted['name']!r}"

    def _found(self, api: Api) -> dict[str, Any] | None:
        listed = api.get("{repo}/rulesets?includes_parents=false&per_page=100") or []
        number = next((entry["id"] for entry in listed if entry["name"] == self.wanted["name"]), None)
        return None if number is None else api.get(f"{{repo}}/rulesets/{number}")


@dataclass(frozen=True)
class Environment(Setting):
    """An environment that only `main` deploys to; `reviewers` are logins of whom one must approve."""

    name: str
    reviewers: tuple[str, ...] = ()

    def missing(self, api: Api) -> str:
        found = api.get(f"{{repo}}/environments/{self.name}")
        if found is None:
            return "there is no such environment"
        return "; ".join(self._problems(api, found))

    def _problems(self, api: Api, found: dict[str, Any]) -> Iterator[str]:
        policy = found.get("deployment_branch_policy") or {}
        if not policy.get("custom_branch_policies") or "main" not in self._branches(api):
            yield "branches other than main may deploy"
        rules = [rule for rule in found.get("protection_rules", []) if rule.get("type") == "required_reviewers"]
        asked = {entry["reviewer"].get("login", "") for rule in rules for entry in rule.get("reviewers", [])}
        if self.reviewers and not rules:
            yield "nobody has to approve a deployment"
        elif lacking := set(self.reviewers) - asked:
            yield f"not asked to approve: {', '.join(sorted(lacking))}"

    def apply(self, api: Api) -> str:
        people = [{"type": "User", "id": self._number(api, login)} for login in self.reviewers]
        policy = {"protected_branches": False, "custom_branch_policies": True}
        body: dict[str, Any] = {"deployment_branch_policy": policy}
        api.send("PUT", f"{{repo}}/environments/{self.name}", body | ({"reviewers": people} if people else {}))
        if "main" not in self._branches(api):
            api.send("POST", f"{{repo}}/environments/{self.name}/deployment-branch-policies", {"name": "main"})
        by = f", approved by {', '.join(self.reviewers)}" if people else ""
        return f"environment {self.name}: main alone deploys{by}"

    def _branches(self, api: Api) -> set[str]:
        said = api.get(f"{{repo}}/environments/{self.name}/deployment-branch-policies") or {}
        return {entry["name"] for entry in said.get("branch_policies", [])}

    @staticmethod
    def _number(api: Api, login: str) -> int:
        found = api.get(f"users/{login}")
        if found is None or found.get("type") != "User":
            raise RefusedError(404, f"{login} is no person at GitHub", "name people with --reviewer LOGIN")
        return int(found["id"])


@dataclass(frozen=True)
class WorkflowPermissions(Setting):
    """Tokens read by default; each job asks for more by name. Workflows may open pull requests."""

    def missing(self, api: Api) -> str:
        found = api.get("{repo}/actions/permissions/workflow") or {}
        said = []
        if found.get("default_workflow_permissions") != "read":
            said.append("a workflow's token may write by default")
        if not found.get("can_approve_pull_request_reviews"):
            said.append("workflows may not open pull requests, which `retrain` and `data` do")
        return "; ".join(said)

    def apply(self, api: Api) -> str:
        body = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True}
        api.send("PUT", "{repo}/actions/permissions/workflow", body)
        return "workflows: tokens read by default, and may open pull requests"


@dataclass(frozen=True)
class Labels(Setting):
    """The labels that workflows set and read."""

    def missing(self, api: Api) -> str:
        lacking = [name for name in LABELS if api.get(f"{{repo}}/labels/{name}") is None]
        return f"missing: {', '.join(lacking)}" if lacking else ""

    def apply(self, api: Api) -> str:
        made = []
        for name, (color, description) in LABELS.items():
            if api.get(f"{{repo}}/labels/{name}") is None:
                api.send("POST", "{repo}/labels", {"name": name, "color": color, "description": description})
                made.append(name)
        return f"labels made: {', '.join(made)}"


@dataclass(frozen=True)
class Pages(Setting):
    """GitHub Pages, built by a workflow."""

    def missing(self, api: Api) -> str:
        found = api.get("{repo}/pages")
        if found is None:
            return "Pages are off"
        return "" if found.get("build_type") == "workflow" else "Pages are built from a branch"

    def apply(self, api: Api) -> str:
        on = api.get("{repo}/pages") is not None
        api.send("PUT" if on else "POST", "{repo}/pages", {"build_type": "workflow"})
        return "Pages: built by a workflow"


def settings(root: Path, reviewers: tuple[str, ...]) -> list[Setting]:
    """Every setting of the repository in `root`, in the order in which they are told."""
    rulesets = {path.stem: _read(path) for path in sorted((root / ".github" / "rulesets").glob("*.json"))}
    return [
        *(Ruleset(f"ruleset-{name}", rule["name"], rule) for name, rule in rulesets.items()),
        Environment("environment-staging", "Staging is reached from main alone", "staging"),
        Environment("environment-production", "Production needs an approval", "production", reviewers),
        WorkflowPermissions("workflow-permissions", "Workflows read by default, and may open pull requests"),
        Labels("labels", "The labels that workflows use"),
        Pages("pages", "Pages can be published by a workflow"),
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
        return {**found, "name": str(found["name"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no ruleset: {error}", "restore it with `git checkout`") from error


def differences(wanted: Any, found: Any, where: str = "") -> Iterator[str]:
    """What `wanted` says that `found` does not; keys that only GitHub knows are its own business."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            yield from differences(value, found.get(key), f"{where}.{key}".lstrip("."))
    elif isinstance(wanted, list) and isinstance(found, list):
        for value in wanted:
            name = value.get("type") or value.get("context") if isinstance(value, dict) else value
            near = [f for f in found if (f.get("type") or f.get("context") if isinstance(f, dict) else f) == name]
            yield from differences(value, near[0], f"{where}.{name}") if near else [f"{where} lacks {name}"]
        if len(found) > len(wanted) and where.endswith("include"):
            yield f"{where} has more than {', '.join(map(str, wanted))}"
    elif wanted != found:
        yield f"{where} is {found!r}, not {wanted!r}"
