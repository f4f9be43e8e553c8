"""What the forge knows: pull requests, issues, comments, labels, statuses. Tests read it, requests change it."""

from __future__ import annotations

import copy
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forge.description import Description

BOT = "github-actions[bot]"
Resource = dict[str, Any]


class NotFoundError(Exception):
    """404: nothing of that name."""


class InvalidError(Exception):
    """422: GitHub understands the request and can't do it."""


@dataclass
class State:
    """One repository's resources, each as GitHub shows it."""

    description: Description
    repository: Path
    owner: str
    name: str
    issues: dict[int, Resource] = field(default_factory=dict)
    pulls: dict[int, Resource] = field(default_factory=dict)
    comments: dict[int, list[Resource]] = field(default_factory=dict)
    labels: dict[str, Resource] = field(default_factory=dict)
    statuses: list[tuple[str, Resource]] = field(default_factory=list)
    deployments: dict[int, Resource] = field(default_factory=dict)
    approvals: list[Resource] = field(default_factory=list)
    releases: list[Resource] = field(default_factory=list)
    upstream: dict[str, Any] = field(default_factory=dict)  # repositories of others, by owner/name
    count: int = 0

    def commit(self, ref: str) -> str:
        """The commit of a branch or of the start of a hash."""
        for name in (f"refs/heads/{ref}", ref):
            words = ["git", "rev-parse", "--verify", "-q", f"{name}^{{commit}}"]
            done = subprocess.run(words, cwd=self.repository, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
        raise NotFoundError(ref)

    def user(self, login: str) -> Resource:
        known = copy.deepcopy(self.description.example("issue")["user"])
        return {**known, "login": login, "type": "Bot" if login.endswith("[bot]") else "User"}

    def open_issue(self, title: str, body: str | None, labels: list[Any], by: str = BOT) -> Resource:
        found = self.description.example("issue")
        for key in ("pull_request", "closed_by", "state_reason"):
            found.pop(key, None)
        self.count += 1
        found |= {"number": self.count, "id": 1000 + self.count, "state": "open", "title": title, "body": body or ""}
        found |= {"user": self.user(by), "assignees": [], "closed_at": None, "comments": 0}
        found |= {"assignee": None, "milestone": None}
        found["labels"] = [self.label(one if isinstance(one, str) else one["name"]) for one in labels]
        found["html_url"] = f"https://github.com/{self.owner}/{self.name}/issues/{self.count}"
        self.issues[self.count] = found
        self.comments[self.count] = []
        return found

    def open_pull(self, title: str, body: str | None, head: str, base: str, by: str = BOT, fork: str = "") -> Resource:
        """A pull request from a branch of this repository, or, with `fork`, from one of that owner."""
        found = self.description.example("pull-request")
        issue = self.open_issue(title, body, [], by)
        number = issue["number"]
        issue["pull_request"] = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), found["url"])
        owner = fork or self.owner
        found |= {
            "number": number,
            "id": 2000 + number,
            "state": "open",
            "title": title,
            "body": body or "",
            "labels": [],
        }
        found |= {"user": self.user(by), "merged": False, "merged_at": None, "closed_at": None, "requested_teams": []}
        found["html_url"] = f"https://github.com/{self.owner}/{self.name}/pull/{number}"
        sha = self.commit(f"refs/pull/{number}/head") if fork else self.commit(head)
        found["head"] |= {"ref": head, "sha": sha, "label": f"{owner}:{head}"}
        found["base"] |= {"ref": base, "sha": self.commit(base), "label": f"{self.owner}:{base}"}
        for side, holder in (("head", owner), ("base", self.owner)):
            found[side]["user"] = self.user(holder)
            full = {"full_name": f"{holder}/{self.name}", "name": self.name, "fork": holder != self.owner}
            found[side]["repo"] |= full | {"owner": self.user(holder), "default_branch": "main"}
        self.pulls[number] = found
        return found

    def label(self, name: str) -> Resource:
        if name not in self.labels:
            found = {**self.description.example("label"), "name": name, "id": 3000 + len(self.labels), "default": False}
            self.labels[name] = found
        return self.labels[name]

    def issue(self, number: int) -> Resource:
        if number not in self.issues:
            raise NotFoundError(str(number))
        return self.issues[number]

    def comment(self, number: int, body: str, by: str = BOT) -> Resource:
        self.issue(number)
        found = self.description.example("issue-comment")
        found |= {"id": 4000 + sum(map(len, self.comments.values())), "body": body, "user": self.user(by)}
        found["html_url"] = f"https://github.com/{self.owner}/{self.name}/issues/{number}#issuecomment-{found['id']}"
        self.comments[number].append(found)
        return found

    def find_comment(self, identity: int) -> Resource:
        for comments in self.comments.values():
            for comment in comments:
                if comment["id"] == identity:
                    return comment
        raise NotFoundError(str(identity))

    def set_status(self, sha: str, body: Resource) -> Resource:
        if not re.fullmatch("[0-9a-f]{40}", sha) or self.commit(sha) != sha:
            raise InvalidError(f"No commit found for SHA: {sha}")
        found = self.description.example("status") | body
        found |= {"id": 5000 + len(self.statuses), "creator": self.user(BOT)}
        self.statuses.append((sha, found))
        return found

    def statuses_of(self, ref: str) -> list[Resource]:
        """Newest first, as GitHub gives them."""
        sha = self.commit(ref)
        return [status for of, status in reversed(self.statuses) if of == sha]
