"""Our own rules for workflows and actions: a small function each, whose docstring is what its findings mean.

Each takes a `Folder` (a repository's parsed workflows and actions) and gives a line for every place that breaks it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

Rule = Callable[["Folder"], Iterator[str]]
RULES: list[Rule] = []
PIN = re.compile(r"uses:\s*([\w.-]+/[\w./-]+)@(\S+)(?:\s+#\s*(\S+))?")
FORKS = {"pull_request"}  # events that run code of people without rights
WRITES = {"write", "write-all"}
LOCAL = "./.github/actions/"


@dataclass
class Folder:
    """A repository's `.github`, read once."""

    root: Path
    pins: Path

    @cached_property
    def workflows(self) -> dict[str, dict[Any, Any]]:
        return {path.name: _read(path) for path in sorted((self.root / ".github" / "workflows").glob("*.y*ml"))}

    @cached_property
    def actions(self) -> dict[str, dict[str, Any]]:
        found = sorted((self.root / ".github" / "actions").glob("*/action.yml"))
        return {path.parent.name: _read(path) for path in found}

    @cached_property
    def texts(self) -> dict[str, str]:
        paths = [
            *(self.root / ".github" / "workflows").glob("*.y*ml"),
            *(self.root / ".github").glob("actions/*/*.yml"),
        ]
        return {path.relative_to(self.root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}

    def jobs(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Workflow file, job, its content."""
        for name, workflow in self.workflows.items():
            for job, content in workflow["jobs"].items():
                yield name, job, content

    def steps(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where it stands, and the step: of every job and every action."""
        for name, job, content in self.jobs():
            for step in content.get("steps", []):
                yield f"{name} {job}", step
        for name, action in self.actions.items():
            for step in action["runs"]["steps"]:
                yield f"actions/{name}", step


def _read(path: Path) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if True in content:  # YAML 1.1 reads `on` as a truth value
        content["on"] = content.pop(True)
    return content


def _only_reads(job: dict[str, Any]) -> bool:
    return not WRITES & set(map(str, job.get("permissions", {}).values())) and "environment" not in job


def events(workflow: dict[Any, Any]) -> set[str]:
    on = workflow["on"]
    return {on} if isinstance(on, str) else set(on)


def rule(check: Rule) -> Rule:
    RULES.append(check)
    return check


@rule
def pins_are_the_table(folder: Folder) -> Iterator[str]:
    """Every third-party action is `owner/repo@SHA # TAG` and equals its row in pins.toml."""
    table = tomllib.loads(folder.pins.read_text(encoding="utf-8"))["action"]
    rows = {row["name"]: (row["sha"], row["tag"]) for row in table}
    for place, text in folder.texts.items():
        for name, sha, tag in PIN.findall(text):
            if rows.get("/".join(name.split("/")[:2])) != (sha, tag):
                yield f"{place}: {name}@{sha} # {tag} is no row of pins.toml"


@rule
def no_expression_in_run(folder: Folder) -> Iterator[str]:
    """No `${{ }}` stands in a `run`: what is in it would be read as shell. Give it by `env`."""
    for place, step in folder.steps():
        if "${{" in str(step.get("run", "")):
            yield f"{place}: {step['run'].splitlines()[0][:60]}"


@rule
def runs_are_short(folder: Folder) -> Iterator[str]:
    """A `run` has at most three lines; more belongs into a file that is tested."""
    for place, step in folder.steps():
        if len(str(step.get("run", "")).strip().splitlines()) > 3:
            yield f"{place}: {len(step['run'].strip().splitlines())} lines"


@rule
def nothing_is_granted_on_top(folder: Folder) -> Iterator[str]:
    """A workflow grants nothing (`permissions: {}`), and each job names what it needs."""
    for name, workflow in folder.workflows.items():
        if workflow.get("permissions") != {}:
            yield f"{name}: permissions: {workflow.get('permissions')}"
        for job, content in workflow["jobs"].items():
            if not isinstance(content.get("permissions"), dict):
                yield f"{name} {job}: permissions: {content.get('permissions')}"


@rule
def jobs_are_named_and_end(folder: Folder) -> Iterator[str]:
    """Every job has a name and a limit in minutes."""
    for name, job, content in folder.jobs():
        for key in ("name", *(() if "uses" in content else ("timeout-minutes",))):
            if not content.get(key):
                yield f"{name} {job}: no {key}"


@rule
def all_green_needs_every_job(folder: Folder) -> Iterator[str]:
    """A last job `all-green`, which branch protection asks for, needs every other and runs whatever they did."""
    for name, workflow in folder.workflows.items():
        jobs = workflow["jobs"]
        last = jobs.get("all-green", {})
        missing = set(jobs) - {"all-green"} - set(last.get("needs", []))
        if not last or missing:
            yield f"{name}: all-green does not need {', '.join(sorted(missing)) or 'anything'}"
        elif "always()" not in str(last.get("if", "")):
            yield f"{name}: all-green is skipped, and so counts as green, where a job before it is red"


@rule
def no_job_waits_for_what_it_does_not_use(folder: Folder) -> Iterator[str]:
    """A job that only reads needs another for its outputs, result or artifact; one that writes may wait for a gate."""
    for name, workflow in folder.workflows.items():
        for job, content in workflow["jobs"].items():
            said = str(content)
            waits = "toJSON(needs)" in said or not _only_reads(content)
            needs = [] if waits else content.get("needs", [])
            for need in [needs] if isinstance(needs, str) else needs:
                shared = _artifacts(workflow["jobs"][need], "upload") & _artifacts(content, "download")
                if f"needs.{need}." not in said and not shared:
                    yield f"{name} {job}: needs {need} for nothing"


def _artifacts(job: dict[str, Any], direction: str) -> set[str]:
    steps = [step for step in job.get("steps", []) if f"actions/{direction}-artifact@" in step.get("uses", "")]
    return {str(step.get("with", {}).get("name")) for step in steps}


@rule
def a_deploy_is_never_cancelled(folder: Folder) -> Iterator[str]:
    """What moves a branch or an environment waits for its turn and is never cancelled halfway."""
    for name, workflow in folder.workflows.items():
        for job, content in workflow["jobs"].items():
            if content.get("permissions", {}).get("contents") != "write" and "environment" not in content:
                continue
            groups = [workflow.get("concurrency"), *([content["concurrency"]] if "concurrency" in content else [])]
            for group in groups:
                if not isinstance(group, dict) or group.get("cancel-in-progress") is not False:
                    yield f"{name} {job}: concurrency: {group}"


@rule
def every_workflow_has_a_group(folder: Folder) -> Iterator[str]:
    """Runs of a workflow share a concurrency group: two never race, or the newer replaces the older."""
    for name, workflow in folder.workflows.items():
        if not isinstance(workflow.get("concurrency"), dict) or not workflow["concurrency"].get("group"):
            yield f"{name}: no concurrency group"


@rule
def no_event_gives_a_fork_more(folder: Folder) -> Iterator[str]:
    """No `pull_request_target`, `workflow_run` or `secrets: inherit`: they lend rights to code that nobody reviewed."""
    for name, workflow in folder.workflows.items():
        for event in events(workflow) & {"pull_request_target", "workflow_run", "issue_comment"}:
            yield f"{name}: on {event}"
    for name, job, content in folder.jobs():
        if content.get("secrets") == "inherit":
            yield f"{name} {job}: secrets: inherit"


@rule
def a_fork_s_code_holds_no_write_token(folder: Folder) -> Iterator[str]:
    """Where a pull request may start a workflow, a job with a right to write checks out the base and runs its code."""
    for name, workflow in folder.workflows.items():
        if not events(workflow) & FORKS:
            continue
        for job, content in workflow["jobs"].items():
            if not WRITES & set(map(str, content.get("permissions", {}).values())):
                continue
            for step in content.get("steps", []):
                ref = str(step.get("with", {}).get("ref", ""))
                if "actions/checkout@" in step.get("uses", "") and not re.search(r"pull_request\.base\.sha", ref):
                    yield f"{name} {job}: checks out {ref or 'the pull request'} and may write"


@rule
def a_secret_is_held_by_an_environment(folder: Folder) -> Iterator[str]:
    """The default path needs no secret but the job's token; another belongs to an environment, which its job names."""
    for name, workflow in folder.workflows.items():
        rest = {key: value for key, value in workflow.items() if key != "jobs"}
        for place, content in {"": rest, **workflow["jobs"]}.items():
            for secret in re.findall(r"secrets\.(\w+)", str(content)):
                if secret != "GITHUB_TOKEN" and "environment" not in content:
                    yield f"{name} {place}: secrets.{secret}"


@rule
def credentials_stay_only_where_a_job_pushes(folder: Folder) -> Iterator[str]:
    """`persist-credentials: true` only in a job that may write contents; otherwise `false`, said in so many words."""
    for name, job, content in folder.jobs():
        may_push = content.get("permissions", {}).get("contents") == "write"
        for step in content.get("steps", []):
            if "actions/checkout@" not in step.get("uses", ""):
                continue
            kept = step.get("with", {}).get("persist-credentials")
            if kept not in ((True, False) if may_push else (False,)):
                yield f"{name} {job}: persist-credentials: {kept}"


@rule
def only_pull_requests_restore_a_cache(folder: Folder) -> Iterator[str]:
    """A cache that a pull request may have filled is restored by its own read-only jobs alone: what others build with,
    train, sign, deploy or watch comes from the lock."""
    for name, job, content in folder.jobs():
        if _only_reads(content) and events(folder.workflows[name]) <= FORKS:
            continue
        for step in content.get("steps", []):
            cached = str(step.get("with", {}).get("cache", "false")).lower() != "false"
            if cached or "actions/cache" in step.get("uses", ""):
                yield f"{name} {job}: {step['uses']}"


@rule
def inputs_used_are_declared(folder: Folder) -> Iterator[str]:
    """What a step gives one of our actions is declared there, every required input is given, each `inputs.` is real."""
    for place, step in folder.steps():
        uses = str(step.get("uses", ""))
        if not uses.startswith(LOCAL):
            continue
        action = folder.actions.get(uses.removeprefix(LOCAL).strip("/"))
        if action is None:
            yield f"{place}: there is no action {uses}"
            continue
        declared, given = action.get("inputs", {}), set(step.get("with", {}))
        for name in given - set(declared):
            yield f"{place}: {uses} has no input {name}"
        for name, details in declared.items():
            if details.get("required") and "default" not in details and name not in given:
                yield f"{place}: {uses} needs {name}"
    for name, action in folder.actions.items():
        text = folder.texts[f".github/actions/{name}/action.yml"]
        for word in set(re.findall(r"inputs\.([\w-]+)", text)) ^ set(action.get("inputs", {})):
            yield f"actions/{name}: input {word} is used and not declared, or declared and not used"


@rule
def every_run_names_its_shell(folder: Folder) -> Iterator[str]:
    """Every `run` of an action names its shell: GitHub refuses it otherwise."""
    for place, step in folder.steps():
        if place.startswith("actions/") and "run" in step and step.get("shell") != "bash":
            yield f"{place}: shell: {step.get('shell')}"


@rule
def outputs_have_a_value(folder: Folder) -> Iterator[str]:
    """Every output of an action is described and says what it is where the step did not come so far."""
    for name, action in folder.actions.items():
        for output, details in action.get("outputs", {}).items():
            if "||" not in str(details.get("value")) or not details.get("description"):
                yield f"actions/{name}: {output}"


@rule
def runners_are_pinned(folder: Folder) -> Iterator[str]:
    """Jobs run on `ubuntu-24.04`, not on whatever is the latest one day."""
    for name, job, content in folder.jobs():
        if "uses" not in content and content.get("runs-on") != "ubuntu-24.04":
            yield f"{name} {job}: {content.get('runs-on')}"


def findings(folder: Folder) -> list[str]:
    return [f"{check.__name__}: {found}" for check in RULES for found in check(folder)]
