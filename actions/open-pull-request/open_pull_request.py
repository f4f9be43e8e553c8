"""Turns what a job made into one pull request with its verdicts, by plain Git and the REST API.

A pull request made with GITHUB_TOKEN starts no workflow, so the gates ran in this job and their verdicts are posted as
commit statuses. The branch is this job's alone: it is moved to the new commit on top of the base, whatever it held.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionlib import sticky
from actionlib.markdown import COMMENT_CHARACTERS, cut, summarise
from actionlib.problems import ActionError, OutsideError, ended
from actionlib.repository import branch_name, git, push, remote_head
from actionlib.rest import Client, Refused
from actionlib.verdicts import Verdict, read, worst
from actionlib.workflow import output, plain
from report_page import page

PATHS = ("data", "dvc.lock")
STATE = {"pass": "success", "skip": "success", "fail": "failure", "error": "error"}


@dataclass(frozen=True)
class Wanted:
    """What the caller asks for, checked once."""

    branch: str
    base: str
    title: str
    label: str
    required: str
    paths: bool
    reports: list[str]

    @classmethod
    def from_environment(cls) -> Wanted:
        said = {key: os.environ.get(key, "") for key in ("BRANCH", "BASE", "TITLE", "LABEL", "REQUIRED", "COMMIT")}
        if said["COMMIT"] not in ("paths", "branch"):
            raise ActionError(f"commit is {said['COMMIT'][:40]!r}", "paths or branch")
        return cls(
            branch=branch_name(said["BRANCH"]),
            base=branch_name(said["BASE"]),
            title=plain(said["TITLE"])[:200] or "data: a new version",
            label=plain(said["LABEL"]),
            required=plain(said["REQUIRED"]),
            paths=said["COMMIT"] == "paths",
            reports=[name for name in os.environ.get("REPORTS", "").split(",") if name.isalnum()],
        )


def main() -> int:
    output({"number": "", "url": "", "commit": "", "status": "skip"})
    wanted, here = Wanted.from_environment(), Path.cwd()
    commit = committed(here, wanted)
    if not commit:
        print("nothing changed: no pull request")
        return 0
    folder = here / os.environ.get("FOLDER", "reports")
    verdicts = {name: verdict for name in wanted.reports if (verdict := read(folder / f"{name}.json"))}
    missing = [name for name in wanted.reports if name not in verdicts]
    status = "error" if missing else worst([verdict.status for verdict in verdicts.values()])
    text = page(verdicts, dict.fromkeys(missing, "no report"), {})
    summarise(text)
    client = Client.from_environment()
    commit = pushed(here, wanted, commit)
    pull = opened(client, wanted, cut(text, COMMENT_CHARACTERS))
    for name, verdict in verdicts.items():
        say(client, commit, f"{name}", verdict.status, verdict_words(verdict))
    if wanted.required:
        said = f"no report of {', '.join(missing)}" if missing else f"{len(verdicts)} verdicts: {status}"
        say(client, commit, wanted.required, status, said)
    output({"number": str(pull["number"]), "url": sticky.address(pull), "commit": commit, "status": status})
    print(f"pull request {pull['number']} at {commit[:12]}: {status}")
    return 0


def committed(here: Path, wanted: Wanted) -> str:
    """The commit to offer, or empty where there is nothing new against the base that is checked out."""
    if not wanted.paths:
        commit = git(here, "rev-parse", "--verify", "--quiet", f"refs/heads/{wanted.branch}", check=False)
        return commit if commit and commit != git(here, "rev-parse", "HEAD") else ""
    there = [path for path in PATHS if (here / path).exists()]
    git(here, "add", "--", *there)
    if not git(here, "diff", "--cached", "--name-only"):
        return ""
    git(here, "commit", "--quiet", "--no-verify", f"--message={wanted.title}")
    return git(here, "rev-parse", "HEAD")


def pushed(here: Path, wanted: Wanted, commit: str) -> str:
    """Move the branch on the remote to the commit, and return what stands there: the same content on the same base
    stays as it is."""
    for _ in range(3):
        head = remote_head(here, wanted.branch)
        if head and same(here, head, commit):
            return head
        if push(here, commit, wanted.branch, head):
            return commit
    raise OutsideError(f"the branch {wanted.branch} kept moving", "let no other workflow write it; run the job again")


def same(here: Path, one: str, other: str) -> bool:
    """Whether two commits hold the same files on the same parents; only their time differs."""
    git(here, "fetch", "--quiet", "origin", one)
    shape = "%T %P"
    return git(here, "show", "-s", f"--format={shape}", one) == git(here, "show", "-s", f"--format={shape}", other)


def opened(client: Client, wanted: Wanted, text: str) -> Any:
    """The open pull request from our branch, made where there is none."""
    owner = client.repository.partition("/")[0]
    where = f"/pulls?state=open&head={owner}:{wanted.branch}&base={wanted.base}"
    content = {"title": wanted.title, "body": text}

    def find() -> Any:
        return next(iter(client.pages(where)), None)

    def put(found: Any) -> Any:
        return client.call("PATCH", f"/pulls/{found['number']}", content)

    def make() -> Any:
        try:
            return client.call(
                "POST", "/pulls", {**content, "head": wanted.branch, "base": wanted.base}, repeatable=False
            )
        except Refused as error:
            mend = "let Actions open pull requests: `uv run mlgate doctor --github --apply`"
            raise ActionError(f"{error}; the branch {wanted.branch} is there", f"{error.mend}; {mend}") from error

    pull = sticky.once(find, put, make)
    if wanted.label:
        client.call("POST", f"/issues/{pull['number']}/labels", {"labels": [wanted.label]})
    return pull


def say(client: Client, commit: str, context: str, status: str, words: str) -> None:
    """One commit status; the same context again replaces it."""
    server, run = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_RUN_ID", "")
    content = {"state": STATE[status], "context": context, "description": plain(words)[:140]}
    if server.startswith("http") and run.isdigit():
        content["target_url"] = f"{server}/{client.repository}/actions/runs/{run}"
    client.call("POST", f"/statuses/{commit}", content)


def verdict_words(verdict: Verdict) -> str:
    red = [check.id for check in verdict.checks if check.red]
    return f"red: {', '.join(red)}" if red else f"{len(verdict.checks)} checks, {verdict.status}"


if __name__ == "__main__":
    sys.exit(ended(main))
