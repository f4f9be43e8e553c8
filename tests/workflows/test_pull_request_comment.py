"""The job that comments on a pull request, as it is, behind jobs that hand it their reports; and GitHub failing it."""

from __future__ import annotations

import pytest
from handed import handed, report

FILE = ".github/workflows/pull-request.yml"
REPORTS = {
    "lint": {},
    "data": {"validate.json": report("validate")},
    "performance": {"evaluate.json": report("evaluate")},
    "image": {"package.json": report("package")},
}
GREEN = "## ✅ mlgate: every gate is green"
COMMENTS = "/issues/1/comments$"


def opened(scene, **changed: dict[str, str]):
    """A pull request of this repository whose jobs hand on these reports; what its run left."""
    text = handed(scene.show("main", FILE), REPORTS | changed, {"performance": {"gates": "false"}})
    scene.commit("Say more", {FILE: text})
    return scene.run("pull-request.yml", scene.pull_request("notes"), MLGATE_API_WAIT="0.01")


def comments(scene) -> list[str]:
    return [comment["body"] for comment in scene.forge.state.comments[1]]


@pytest.mark.parametrize("status", [403, 404])
def test_case_21_without_the_right_to_comment_the_page_is_in_the_summary_and_nothing_fails(scene, status) -> None:
    scene.forge.fail("POST", COMMENTS, status, message="Resource not accessible by integration",
                     X_Accepted_GitHub_Permissions="pull_requests=write")  # fmt: skip
    done = opened(scene)
    assert done.exit == 0, done.told()
    assert done.jobs["all-green"].result == "success"
    assert comments(scene) == []
    assert GREEN in done.summary
    assert "no comment, the report is in the summary" in done.jobs["report"].text
    assert "grant the job pull_requests=write" in done.jobs["report"].text, "a line that names the mend"


def test_case_22_a_short_outage_and_a_rate_limit_are_waited_out_and_leave_one_comment(scene) -> None:
    scene.forge.fail("GET", COMMENTS, 502, times=2)
    scene.forge.fail("POST", COMMENTS, 500, times=1)
    scene.forge.fail("POST", COMMENTS, 429, times=1, Retry_After="1")
    done = opened(scene)
    assert done.exit == 0, done.told()
    (comment,) = comments(scene)
    assert GREEN in comment
    assert [one.status for one in scene.forge.asked if one.method == "POST"] == [500, 429, 201]


@pytest.mark.parametrize(
    ("status", "headers"),
    [(503, {}), (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "99999999999"})],
    ids=["down", "limited"],
)
def test_case_22_an_api_that_stays_away_is_red_with_exit_3_and_the_page_is_not_lost(scene, status, headers) -> None:
    scene.forge.fail("GET", COMMENTS, status, **headers)
    done = opened(scene)
    assert done.jobs["report"].result == "failure"
    assert done.jobs["all-green"].result == "failure"
    assert len([one for one in scene.forge.asked if one.status == status]) <= 5
    assert "run the job again later" in done.jobs["report"].text, done.told()
    assert "exit status 3" in done.jobs["report"].text
    assert GREEN in done.summary
