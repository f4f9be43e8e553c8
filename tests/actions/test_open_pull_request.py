"""What a job made becomes one pull request with its verdicts, and the same again changes nothing."""

from __future__ import annotations

import json

import pytest

MODULE = "open-pull-request/open_pull_request.py"
WANTED = {
    "BRANCH": "mlgate/data",
    "BASE": "main",
    "TITLE": "data: a new version",
    "LABEL": "data",
    "REPORTS": "validate,evaluate",
    "REQUIRED": "all-green",
    "COMMIT": "paths",
}
GOOD = {"id": "rows", "title": "rows", "status": "pass"}


@pytest.fixture
def snapshot(clone, report):
    """A clone in which a job took a snapshot and judged it."""
    (clone.folder / "data").mkdir()
    (clone.folder / "data" / "raw.parquet").write_bytes(b"rows")
    (clone.folder / ".gitignore").write_text("/reports/\n", encoding="utf-8")
    (clone.folder / "reports").mkdir()

    def _judged(**statuses: str):
        for verb, status in statuses.items():
            content = report(verb, {**GOOD, "status": status})
            (clone.folder / "reports" / f"{verb}.json").write_text(json.dumps(content), encoding="utf-8")
        return clone

    return _judged


def states(github) -> dict[str, str]:
    return {status["context"]: status["state"] for status in github.statuses}


def test_a_new_data_version_is_offered_with_its_verdicts(step, snapshot, github) -> None:
    clone = snapshot(validate="pass", evaluate="pass")
    done = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert done.code == 0, done.log
    assert clone.there("show", "--format=%s|%an", "--name-only", "mlgate/data").split("\n") == [
        "data: a new version|github-actions[bot]",
        "",
        "data/raw.parquet",
    ]
    assert done.outputs["commit"] == clone.there("rev-parse", "mlgate/data")
    assert (github.pulls[0]["head"], github.pulls[0]["base"]) == ("mlgate/data", "main")
    assert states(github) == {"validate": "success", "evaluate": "success", "all-green": "success"}
    assert {status["sha"] for status in github.statuses} == {done.outputs["commit"]}


def test_the_same_again_moves_no_branch_and_opens_no_second_one(step, snapshot, github) -> None:
    clone = snapshot(validate="pass", evaluate="pass")
    first = step(MODULE, clone.folder, **WANTED, **github.environ())
    clone.git("reset", "-q", "--soft", "origin/main")
    clone.git("commit", "-q", "--allow-empty", "-m", "x", "--date=2001-01-01")
    clone.git("reset", "-q", "--mixed", "origin/main")
    again = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert again.outputs["commit"] == first.outputs["commit"] == clone.there("rev-parse", "mlgate/data")
    assert len(github.pulls) == 1


def test_a_red_gate_is_offered_red(step, snapshot, github) -> None:
    clone = snapshot(validate="pass", evaluate="fail")
    done = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert done.outputs["status"] == "fail"
    assert states(github) == {"validate": "success", "evaluate": "failure", "all-green": "failure"}


def test_a_gate_that_did_not_run_is_no_green(step, snapshot, github) -> None:
    clone = snapshot(validate="pass")
    done = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert done.outputs["status"] == "error"
    assert states(github)["all-green"] == "error"


def test_where_nothing_changed_there_is_no_pull_request(step, clone, github) -> None:
    done = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert (done.code, done.outputs["status"], github.asked) == (0, "skip", [])


def test_a_branch_that_a_verb_left_is_offered_as_it_is(step, snapshot, github) -> None:
    clone = snapshot(evaluate="pass")
    (clone.folder / "reports").rename(clone.folder / "judged")
    (clone.folder / ".git" / "info" / "exclude").write_text("/judged/\n", encoding="utf-8")
    clone.git("checkout", "-qb", "mlgate/retrain")
    commit = clone.commit("data/raw.parquet", "new")
    clone.git("checkout", "-q", "main")
    wanted = WANTED | {"COMMIT": "branch", "BRANCH": "mlgate/retrain", "REPORTS": "evaluate", "FOLDER": "judged"}
    done = step(MODULE, clone.folder, **wanted, **github.environ())
    assert done.outputs["commit"] == clone.there("rev-parse", "mlgate/retrain") == commit
    assert states(github) == {"evaluate": "success", "all-green": "success"}


def test_a_retrain_that_left_no_branch_offers_nothing(step, clone, github) -> None:
    wanted = WANTED | {"COMMIT": "branch", "BRANCH": "mlgate/retrain"}
    assert step(MODULE, clone.folder, **wanted, **github.environ()).outputs["status"] == "skip"


@pytest.mark.parametrize("name", ["--force", "$(touch x)", "a..b", "x.lock", "a b", ""])
def test_case_2_a_hostile_branch_name_is_refused(step, clone, github, name: str) -> None:
    done = step(MODULE, clone.folder, **(WANTED | {"BRANCH": name}), **github.environ())
    assert done.code == 2
    assert "is no branch name" in done.log


def test_case_2_data_with_names_of_options_are_data(step, snapshot, github) -> None:
    clone = snapshot(validate="pass", evaluate="pass")
    for name in ("-rf", "--force", "$(touch x)"):
        (clone.folder / "data" / name).write_text("x", encoding="utf-8")
    done = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert done.code == 0, done.log
    assert len(clone.there("ls-tree", "-r", "--name-only", "mlgate/data", "data").splitlines()) == 4


def test_case_21_where_actions_may_open_none_the_mend_says_where_to_allow_it(step, snapshot, github) -> None:
    clone = snapshot(validate="pass", evaluate="pass")
    github.denied = {"POST"}
    done = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert done.code == 2
    assert "doctor --github --apply" in done.log


def test_case_22_a_remote_that_is_gone_ends_with_3(step, snapshot, github) -> None:
    clone = snapshot(validate="pass", evaluate="pass")
    clone.git("remote", "set-url", "origin", str(clone.folder.parent / "gone"))
    done = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert done.code == 3
    assert "Traceback" not in done.log


def test_case_21_a_remote_that_refuses_the_push_says_so_at_once(step, snapshot, github) -> None:
    clone = snapshot(validate="pass", evaluate="pass")
    hook = clone.origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    done = step(MODULE, clone.folder, **WANTED, **github.environ())
    assert done.code == 3
    assert "declined" in done.log
    assert github.pulls == []
