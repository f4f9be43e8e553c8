"""One issue per environment: opened by an alarm, updated in place, closed after healthy runs in a row."""

from __future__ import annotations

import pytest
from actions_source import BOT

MODULE = "check-drift/drift_issue.py"
MARKER = "<!-- mlgate:drift:production -->"
OK = {"id": "data-drift", "title": "drift", "status": "pass"}
MOVED = {"id": "data-drift/amount", "title": "amount", "status": "fail", "evidence": "moved in 2 of 3 windows"}


@pytest.fixture
def watch(step, uv, report, github, tmp_path):
    """`watch("retrain")`: one run of the schedule that decides so."""

    def _watch(word: str, **env: str):
        bad = word not in ("healthy", "watch")
        said = report("monitor", MOVED if bad else OK, notes=(f"{word}: because",))
        env = {
            "ENVIRONMENT": "production",
            "LABEL": "drift",
            **uv("monitor", int(bad), said),
            **github.environ(),
            **env,
        }
        return step(MODULE, tmp_path, **env)

    return _watch


def test_quiet_traffic_opens_nothing(watch, github) -> None:
    done = watch("healthy")
    assert (done.code, done.outputs["decision"], done.outputs["issue"]) == (0, "healthy", "")
    assert github.issues == []


def test_an_alarm_opens_one_issue_and_the_next_updates_it(watch, github) -> None:
    done = watch("retrain")
    assert done.code == 0, "the issue is the alarm; a red job would mean that nobody watches"
    assert (done.outputs["decision"], done.outputs["status"]) == ("retrain", "fail")
    assert github.issues[0]["title"] == "production: the world changed: retrain"
    assert github.issues[0]["labels"] == ["drift"]
    assert "moved in 2 of 3 windows" in github.issues[0]["body"]
    watch("investigate")
    assert len(github.issues) == 1
    assert github.issues[0]["title"] == "production: live traffic changed: investigate"


def test_it_closes_after_healthy_runs_in_a_row_and_not_before(watch, github) -> None:
    watch("retrain")
    for word in ("healthy", "healthy", "retrain", "healthy", "watch", "healthy"):
        assert watch(word).outputs["issue"], word
        assert github.issues[0]["state"] == "open"
    assert watch("healthy").outputs["issue"] == ""
    assert github.issues[0]["state"] == "closed"
    watch("retrain")
    assert [issue["state"] for issue in github.issues] == ["closed", "open"]


def test_an_issue_of_somebody_else_with_our_marker_is_left_alone(watch, github) -> None:
    theirs = {
        "number": 1,
        "id": 1,
        "state": "open",
        "body": f"{MARKER}\n<!-- healthy runs: 2 -->",
        "user": {"login": "m"},
    }
    github.issues.append(dict(theirs))
    watch("healthy")
    assert github.issues == [theirs]
    watch("retrain")
    assert len(github.issues) == 2
    assert github.issues[1]["user"]["login"] == BOT


def test_an_environment_has_its_own_issue(watch, github) -> None:
    watch("retrain")
    watch("retrain", ENVIRONMENT="staging")
    assert [issue["title"].partition(":")[0] for issue in github.issues] == ["production", "staging"]


@pytest.mark.parametrize(
    ("code", "evidence"),
    [(1, "production has answered no prediction yet"), (2, "nothing is released to production, so there is nothing")],
)
def test_before_the_first_traffic_there_is_nothing_to_watch_and_no_failure(
    step, uv, report, github, tmp_path, code, evidence
) -> None:
    check = {"id": "monitor", "title": "monitor", "status": "error", "evidence": evidence, "mend": "send it traffic"}
    env = uv("monitor", code, report("monitor", check))
    done = step(MODULE, tmp_path, ENVIRONMENT="production", **env, **github.environ())
    assert (done.code, done.outputs["decision"], github.issues) == (0, "nothing", [])
    assert f"{evidence}; next: send it traffic" in done.log


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_monitor_that_could_not_judge_is_red_and_closes_nothing(step, uv, report, github, tmp_path, code) -> None:
    check = {"id": "monitor", "title": "monitor", "status": "error", "evidence": "the disk is on fire"}
    env = uv("monitor", code, report("monitor", check))
    done = step(MODULE, tmp_path, ENVIRONMENT="production", **env, **github.environ())
    assert (done.code, done.outputs["decision"]) == (code, "error")
    assert github.asked == []


def test_the_token_is_not_in_the_verbs_environment(watch, tmp_path) -> None:
    watch("healthy")
    assert "a-token" not in (tmp_path / "bin" / "environ").read_text()
