"""The scheduled watch: one issue that opens, updates and closes itself, a heartbeat, an API that fails in every way."""

from __future__ import annotations

import pytest
from traffic import answer, watch


@pytest.fixture
def watched(scene):
    folder = watch(scene)
    return scene, lambda changed: answer(scene, folder, changed)


def run(scene, **environ: str):
    return scene.run("monitor.yml", scene.scheduled(), job="drift", MLGATE_API_WAIT="0.01", **environ)


def test_one_issue_opens_on_drift_is_updated_by_the_next_run_and_closes_after_healthy_ones(watched) -> None:
    scene, traffic = watched
    traffic(False)
    done = scene.run("monitor.yml", scene.scheduled(), MLGATE_API_WAIT="0.01")
    assert done.exit == 0, done.told()
    assert scene.forge.state.issues == {}, "quiet"
    assert "heartbeat.json" in scene.git("ls-tree", "--name-only", "refs/heads/monitor", at=scene.bare)
    traffic(True)
    assert run(scene).exit == 0
    (issue,) = scene.forge.state.issues.values()
    assert issue["body"].startswith("<!-- mlgate:drift:production -->")
    assert issue["state"] == "open"
    first = issue["body"]
    done = run(scene)
    assert len(scene.forge.state.issues) == 1
    assert issue["body"] != first, "the link leads to the newest run"
    traffic(False)
    states = []
    for _ in range(3):
        done = run(scene)
        assert done.exit == 0, done.told()
        states.append(issue["state"])
    assert states == ["open", "open", "closed"]
    assert {one.job for one in scene.forge.asked} == {"drift"}


def test_no_prediction_log_yet_is_nothing_to_watch_and_no_alarm(scene) -> None:
    done = run(scene)
    assert done.exit == 0, done.told()
    assert "nothing to watch yet" in done.text
    assert scene.forge.state.issues == {}


def test_no_production_yet_is_nothing_to_watch_and_no_alarm(scene) -> None:
    scene.git("update-ref", "-d", "refs/heads/env/production", at=scene.bare)
    done = run(scene)
    assert done.exit == 0, done.told()
    assert "nothing to watch yet" in done.text


@pytest.mark.parametrize("status", [403, 404])
def test_case_21_a_token_without_the_right_fails_in_a_line_that_names_the_mend(watched, status: int) -> None:
    scene, traffic = watched
    traffic(True)
    scene.forge.fail("POST", "/issues$", status, message="Resource not accessible by integration",
                     X_Accepted_GitHub_Permissions="issues=write")  # fmt: skip
    done = run(scene)
    assert done.jobs["drift"].result == "failure"
    assert "grant the job issues=write" in done.text, done.told()


def test_case_22_a_rate_limit_and_a_short_outage_are_waited_out(watched) -> None:
    scene, traffic = watched
    traffic(True)
    scene.forge.fail("GET", "/issues$", 502, times=2)
    scene.forge.fail("POST", "/issues$", 429, times=1, Retry_After="1")
    done = run(scene)
    assert done.exit == 0, done.told()
    assert len(scene.forge.state.issues) == 1


def test_case_22_an_api_that_stays_down_is_asked_a_bounded_number_of_times_then_exit_3(watched) -> None:
    scene, traffic = watched
    traffic(True)
    scene.forge.fail("GET", "/issues$", 503)
    done = run(scene)
    assert done.jobs["drift"].result == "failure"
    assert 2 <= len([one for one in scene.forge.asked if one.status == 503]) <= 10
    assert "run the job again later" in done.text, done.told()
    assert "exit status 3" in done.text, done.told()


def test_case_23_the_job_s_token_stands_in_no_log(watched) -> None:
    scene, traffic = watched
    traffic(True)
    scene.forge.fail("POST", "/issues$", 500)
    done = run(scene)
    tokens = [token for token in scene.forge.tokens if token in done.text]
    assert tokens == []
