"""Which event starts which jobs with which rights: GitHub's parser and evaluator, against a table that people read.

act ignores event filters, permissions and environments; what it ignores is checked here.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import rules
from node import bundle, node

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "workflow_events.mjs"
REPO = {"full_name": "ada/card-fraud", "default_branch": "main"}
GATES = {"performance": {"gates": "true"}}
PLAIN = {"performance": {"gates": "false"}}
IMAGE = {"build": {"container": "ghcr.io/ada/card-fraud@sha256:0", "verify": "none"}}
KEYED = {"build": IMAGE["build"] | {"verify": "key"}}


def event(name: str, branch: str = "main", actor: str = "ada", fork: bool = False, outputs: dict | None = None,
          action: str | None = None) -> dict:  # fmt: skip
    head = {"repo": {"full_name": "eve/card-fraud" if fork else "ada/card-fraud", "fork": fork}}
    about = {"repository": REPO, "action": action, "pull_request": {"head": head, "number": 1, "labels": []}}
    ref = "refs/pull/1/merge" if name == "pull_request" else f"refs/heads/{branch}"
    github = {"event_name": name, "ref": ref, "actor": actor, "event": about, "repository": "ada/card-fraud"}
    return {"name": name, "branch": branch, "github": github, "vars": {}, "inputs": {}, "outputs": outputs or {}}


EVENTS = {
    "pull request": event("pull_request", action="opened", outputs=PLAIN),
    "pull request that touches a gate": event("pull_request", action="synchronize", outputs=GATES),
    "pull request of a fork": event("pull_request", action="opened", actor="eve", fork=True, outputs=PLAIN),
    "pull request of Dependabot": event("pull_request", action="opened", actor="dependabot[bot]", outputs=PLAIN),
    "pull request closed": event("pull_request", action="closed", outputs=PLAIN),
    "push to main": event("push", outputs={"build": {"container": ""}}),
    "push to main, image pushed": event("push", outputs=IMAGE),
    "push to main, image pushed, deploy.verify: key": event("push", outputs=KEYED),
    "push to env/staging": event("push", branch="env/staging"),
    "push to mlgate/retrain": event("push", branch="mlgate/retrain"),
    "schedule": event("schedule"),
    "dispatch": event("workflow_dispatch"),
}
ALWAYS = ["lint", "data", "performance", "image", "report", "all-green"]
# What is expected: event → workflow → jobs that run where each succeeds.
EXPECTED: dict[str, dict[str, list[str]]] = {
    "pull request": {"pull-request.yml": ALWAYS},
    "pull request that touches a gate": {"pull-request.yml": [*ALWAYS[:4], "prove", *ALWAYS[4:]]},
    "pull request of a fork": {"pull-request.yml": ALWAYS},
    "pull request of Dependabot": {"pull-request.yml": ALWAYS},
    "pull request closed": {},
    "push to main": {"deliver.yml": ["gates", "build", "staging", "all-green"]},
    "push to main, image pushed": {"deliver.yml": ["gates", "build", "attest", "staging", "all-green"]},
    "push to main, image pushed, deploy.verify: key": {
        "deliver.yml": ["gates", "build", "attest", "sign", "staging", "all-green"]
    },
    "push to env/staging": {},
    "push to mlgate/retrain": {},
    "schedule": {
        "data.yml": ["snapshot", "all-green"],
        "monitor.yml": ["drift", "heartbeat", "all-green"],
        "prove.yml": ["prove", "all-green"],
        "retrain.yml": ["retrain", "all-green"],
    },
    "dispatch": {
        "data.yml": ["snapshot", "all-green"],
        "monitor.yml": ["drift", "heartbeat", "all-green"],
        "promote.yml": ["production", "all-green"],
        "prove.yml": ["prove", "all-green"],
        "retrain.yml": ["retrain", "all-green"],
        "rollback.yml": ["rollback", "all-green"],
    },
}
# Who may write what after a pull request; GitHub makes each of them a `read` on a fork and for Dependabot.
WRITES = {"pull-request.yml": {("report", "pull-requests")}}
BEGIN, END = "<!-- events:begin -->", "<!-- events:end -->"


def page_table() -> str:
    """The table as docs/github.md shows it."""
    rows = ["| event | jobs that run, where each succeeds |", "|---|---|"]
    for name, workflows in EXPECTED.items():
        started = [f"`{Path(file).stem}`: {', '.join(jobs)}" for file, jobs in workflows.items()]
        rows.append(f"| {name} | {'; '.join(started) or 'none'} |")
    return "\n".join(rows)


def asked(root: Path, **changed: str) -> dict:
    paths = sorted((root / ".github" / "workflows").glob("*.yml"))
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths} | changed
    content = {"workflows": texts, "events": [{"id": name, **about} for name, about in EVENTS.items()]}
    command = [*node(), str(bundle(SCRIPT))]
    done = subprocess.run(command, input=json.dumps(content), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found(baked) -> dict:
    return asked(baked)


def test_github_s_parser_finds_no_mistake_in_any_workflow(found) -> None:
    assert found["errors"] == []


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_starts_exactly_the_jobs_of_the_table(found, name: str) -> None:
    assert found["table"][name] == EXPECTED[name]


def test_a_pull_request_may_write_one_comment_and_a_stranger_s_not_even_that(baked) -> None:
    folder = rules.Folder(baked, baked / ".github" / "actions" / "pins.toml")
    for name in [key for key in EVENTS if key.startswith("pull request")]:
        for workflow in EXPECTED[name]:
            jobs = folder.workflows[workflow]["jobs"]
            granted = [(job, *one) for job, about in jobs.items() for one in about["permissions"].items()]
            granted = {(job, right) for job, right, how in granted if how == "write"}
            assert granted == WRITES[workflow], name


def test_what_signs_or_moves_an_environment_stands_behind_that_environment_s_rules(baked) -> None:
    folder = rules.Folder(baked, baked / ".github" / "actions" / "pins.toml")
    named = {(name, job): about["environment"] for name, job, about in folder.jobs() if "environment" in about}
    assert named == {
        ("deliver.yml", "sign"): "signing",
        ("deliver.yml", "staging"): "staging",
        ("promote.yml", "production"): "production",
        ("rollback.yml", "rollback"): "${{ inputs.environment }}",
    }


@pytest.mark.parametrize(
    ("file", "before", "after", "name"),
    [
        ("deliver.yml", "branches: [main]", "branches: ['**']", "push to env/staging"),
        ("pull-request.yml", "outputs.gates == 'true'", "outputs.gates", "pull request"),
        ("pull-request.yml", "if: ${{ always() }}", "if: ${{ failure() }}", "pull request"),
    ],
)  # fmt: skip
def test_the_table_sees_a_condition_that_changed(baked, file: str, before: str, after: str, name: str) -> None:
    text = (baked / ".github" / "workflows" / file).read_text(encoding="utf-8")
    assert before in text
    changed = asked(baked, **{file: text.replace(before, after, 1)})
    assert changed["table"][name] != EXPECTED[name]


def test_github_s_parser_is_red_on_a_key_that_it_does_not_know(baked) -> None:
    text = (baked / ".github" / "workflows" / "deliver.yml").read_text(encoding="utf-8")
    assert asked(baked, **{"deliver.yml": text.replace("timeout-minutes", "timeout", 1)})["errors"]


def test_the_page_shows_the_table() -> None:
    text = (SCRIPT.parents[1] / "docs" / "github.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == page_table()
