"""The page of a pull request: one comment, kept up to date, escaped, and the summary where no comment may be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from actions_source import BOT

MODULE = "report/report_comment.py"
MARKER = "<!-- mlgate:pull-request -->"
FLOOR = {"id": "floor", "title": "floor", "status": "pass", "observed": 0.6, "interval": (0.5, 0.7), "threshold": 0.4}
SHOWN = {"id": "champion", "title": "champion", "observed": 0.01, "interval": (-0.02, 0.04), "threshold": -0.04}
NEEDS = json.dumps({"lint": {"result": "success"}, "prove": {"result": "skipped"}})


@pytest.fixture
def reports(tmp_path: Path, report):
    """`reports(evaluate=[check])`: a folder as download-artifact leaves it."""

    def _reports(notes=(), **verbs) -> Path:
        for verb, checks in verbs.items():
            path = tmp_path / "reports" / f"reports-{verb}" / f"{verb}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(report(verb, *checks, notes=notes)), encoding="utf-8")
        return tmp_path

    return _reports


def test_one_comment_is_made_then_updated_in_place(step, reports, github) -> None:
    env = {"NEEDS": NEEDS, "PULL_REQUEST": "7", **github.environ()}
    first = step(MODULE, reports(evaluate=[FLOOR, {**SHOWN, "status": "pass"}]), **env)
    assert (first.code, first.outputs["status"]) == (0, "pass")
    assert first.outputs["comment"] == "https://x/1"
    assert "This model is about as good as production's: +0.0100 [-0.0200, +0.0400]" in github.comments[0]["body"]
    again = step(MODULE, reports(evaluate=[FLOOR, {**SHOWN, "status": "pass"}]), **env)
    assert [method for method, _ in github.asked].count("PATCH") == 0, "the same text changes nothing"
    step(MODULE, reports(evaluate=[{**FLOOR, "status": "fail"}]), **env)
    assert len(github.comments) == 1
    assert github.comments[0]["body"].startswith(f"{MARKER}\n## ❌ mlgate: a gate is red")
    assert again.summary


def test_a_model_that_beats_production_is_not_let_through_in_words_where_another_gate_is_red(step, reports) -> None:
    power = {"id": "power", "title": "power", "status": "fail", "evidence": "it sees nothing", "mend": "widen it"}
    loosened = {"id": "thresholds", "title": "thresholds", "status": "fail", "evidence": "0.4 became 0"}
    champion = {**SHOWN, "status": "pass"}
    good = step(MODULE, reports(evaluate=[FLOOR, champion], validate=[FLOOR]), NEEDS=NEEDS)
    assert "it may replace it" in good.summary
    for verbs in ({"evaluate": [FLOOR, champion, power]}, {"evaluate": [FLOOR, champion], "validate": [loosened]}):
        done = step(MODULE, reports(**verbs), NEEDS=NEEDS)
        assert "it may replace it" not in done.summary
        assert "another gate is red, so it may **not** replace it" in done.summary


def test_the_page_says_how_much_was_judged_what_was_not_and_why(step, reports) -> None:
    skipped = {"id": "freshness", "title": "The data are fresh", "status": "skip", "evidence": "no time column"}
    many = {"id": "rows", "title": "Enough rows", "status": "pass", "observed": 18870.0, "threshold": 5000.0}
    red = {**FLOOR, "status": "fail", "title": "The metric clears its floor", "mend": "improve it"}
    done = step(MODULE, reports(evaluate=[red], validate=[many, skipped]), NEEDS=NEEDS)
    assert "3 checks: 1 green, 1 red, 1 not judged" in done.summary
    assert "It must not be merged before what is red is mended." in done.summary
    assert "- ⏭️ **freshness**: no time column" in done.summary
    assert "- ❌ **floor** (evaluate): The metric clears its floor: no. *Next: improve it*" in done.summary
    assert "| validate | verdict | observed | threshold | evidence |" in done.summary
    assert "| rows: Enough rows | ✅ pass | 18,870 | 5,000 |" in done.summary


def test_the_image_s_part_shows_how_the_release_answered_and_how_fast(step, reports) -> None:
    latency = {"id": "latency", "title": "Single rows in time", "status": "pass", "observed": 47.7, "threshold": 500,
               "unit": "ms", "evidence": "20 single rows"}  # fmt: skip
    tree = {"id": "clean-tree", "title": "Everything is committed", "status": "pass", "evidence": "at 0123"}
    change = {"id": "data-change", "title": "Against main", "status": "pass", "evidence": "the same rows"}
    done = step(MODULE, reports(package=[tree, latency], validate=[change]), NEEDS=NEEDS)
    image = done.summary.partition("### Image")[2].partition("### Gates")[0]
    assert "| Single rows in time | ✅ pass | 47.7 ms | 500 | 20 single rows |" in image
    assert "Everything is committed" not in image
    assert "Against main: the same rows" in done.summary.partition("### Data")[2].partition("###")[0]


def test_the_data_s_part_says_each_change_once(step, reports) -> None:
    told = ["1,000 rows, 3 columns; y no: 90%, yes: 10%", "rows: 10 added, 0 removed", "amount: moved, 30.0% of rows"]
    change = {"id": "data-change", "title": "Against the data of 01", "status": "pass", "evidence": "; ".join(told)}
    notes = ["800 rows to train on, 200 to judge", *told]
    done = step(MODULE, reports(notes=notes, validate=[change]), NEEDS=NEEDS)
    data = done.summary.partition("### Data")[2].partition("###")[0]
    assert data.strip().splitlines() == [
        "Against the data of 01:",
        "",
        "- 1,000 rows, 3 columns",
        "- y no: 90%, yes: 10%",
        "- rows: 10 added, 0 removed",
        "- amount: moved, 30.0% of rows",
        "",
        "- 800 rows to train on, 200 to judge",
    ]


def test_our_comment_is_found_on_a_late_page_and_a_copy_of_its_marker_is_not_ours(step, reports, github) -> None:
    github.comments += [
        {"number": n, "id": n, "body": f"{MARKER}\nmine", "user": {"login": "mallory"}} for n in range(1, 251)
    ]
    github.comments.append(
        {"number": 251, "id": 251, "body": f"{MARKER}\nold", "user": {"login": BOT}, "html_url": "u"}
    )
    step(MODULE, reports(evaluate=[FLOOR]), NEEDS=NEEDS, PULL_REQUEST="7", **github.environ())
    assert len(github.comments) == 251
    assert "mlgate: every gate" in github.comments[250]["body"]
    assert all(comment["body"].endswith("mine") for comment in github.comments[:250])


def test_on_a_fork_the_same_report_is_in_the_summary_and_nothing_fails(step, reports, github) -> None:
    github.denied = {"POST", "PATCH"}
    done = step(MODULE, reports(evaluate=[FLOOR]), NEEDS=NEEDS, PULL_REQUEST="7", **github.environ())
    assert done.code == 0
    assert "## ✅ mlgate" in done.summary
    assert "::notice::no comment, the report is in the summary" in done.log
    assert done.outputs["comment"] == ""


@pytest.mark.parametrize(
    "fault",
    [
        (500, {}, {}),
        (502, {}, {}),
        (429, {"Retry-After": "0"}, {}),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, {"message": "API rate limit exceeded"}),
    ],
)
def test_case_22_a_short_outage_is_waited_for(step, reports, github, fault) -> None:
    github.faults = [fault, fault]
    done = step(MODULE, reports(evaluate=[FLOOR]), NEEDS=NEEDS, PULL_REQUEST="7", **github.environ())
    assert done.code == 0
    assert len(github.comments) == 1


@pytest.mark.parametrize(
    "fault",
    [(503, {}, {}), (429, {}, {}), (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}, {})],
)
def test_case_22_a_long_outage_ends_with_3_and_one_line(step, reports, github, fault) -> None:
    github.faults = [fault] * 50
    done = step(MODULE, reports(evaluate=[FLOOR]), NEEDS=NEEDS, PULL_REQUEST="7", **github.environ())
    assert done.code == 3
    assert "Traceback" not in done.log
    assert "run the job again later" in done.log
    assert len(github.asked) <= 5
    assert "## ✅ mlgate" in done.summary, "the report is not lost"


def test_case_22_a_comment_whose_answer_was_lost_is_not_written_twice(step, reports, github) -> None:
    real = github.answer

    def lost(method, path, query, body):
        answer = real(method, path, query, body)
        return (502, {}) if method == "POST" else answer

    github.answer = lost
    done = step(MODULE, reports(evaluate=[FLOOR]), NEEDS=NEEDS, PULL_REQUEST="7", **github.environ())
    assert done.code == 0
    assert len(github.comments) == 1


def test_case_22_an_api_that_is_not_there_ends_with_3(step, reports) -> None:
    env = {"GITHUB_API_URL": "http://127.0.0.1:9", "GITHUB_TOKEN": "x"}
    done = step(MODULE, reports(evaluate=[FLOOR]), NEEDS=NEEDS, PULL_REQUEST="7", **env)
    assert done.code == 3
    assert "Connection refused" in done.log


def test_case_21_a_missing_right_is_named_as_github_names_it(step, reports, github) -> None:
    denied = (403, {"X-Accepted-GitHub-Permissions": "issues=write; pull_requests=write"}, {"message": "no"})
    github.faults = [denied]
    done = step(MODULE, reports(evaluate=[FLOOR]), NEEDS=NEEDS, PULL_REQUEST="7", **github.environ())
    assert "grant the job issues=write; pull_requests=write" in done.log


@pytest.mark.parametrize("result", ["failure", "cancelled", "timed_out"])
def test_a_job_that_ended_badly_is_red_whatever_its_report_says(step, reports, result: str) -> None:
    needs = json.dumps({"performance": {"result": result}})
    done = step(MODULE, reports(evaluate=[FLOOR]), NEEDS=needs)
    assert done.outputs["status"] in ("fail", "error")
    assert "job **performance**" in done.summary


@pytest.mark.parametrize("job", ["data", "performance", "image", "prove"])
def test_a_job_that_judges_and_left_no_report_is_no_green(step, reports, job: str) -> None:
    good = {"rows": [], "validate": [FLOOR], "evaluate": [FLOOR], "package": [FLOOR], "prove": [FLOOR]}
    verb = {"data": "validate", "performance": "evaluate", "image": "package", "prove": "prove"}[job]
    needs = json.dumps({name: {"result": "success"} for name in ("data", "performance", "image", "prove")})
    folder = reports(**good)
    done = step(MODULE, folder, NEEDS=needs)
    assert (done.code, done.outputs["status"]) == (0, "pass")
    (folder / "reports" / f"reports-{verb}" / f"{verb}.json").unlink()
    done = step(MODULE, folder, NEEDS=needs)
    assert (done.code, done.outputs["status"]) == (1, "fail")
    assert f"::error::job {job} ended well but left no report" in done.log


def test_no_report_at_all_is_no_pass(step, tmp_path) -> None:
    done = step(MODULE, tmp_path, NEEDS="{}")
    assert done.outputs["status"] == "error"


def test_case_4_a_report_with_a_script_stays_text(step, reports) -> None:
    nasty = "<script>alert(1)</script> `$(touch x)` ::set-output name=a::b | [x](http://e) @ada \u202e"
    check = {"id": nasty, "title": nasty, "status": "fail", "evidence": nasty, "mend": nasty}
    done = step(MODULE, reports(evaluate=[check], validate=[FLOOR], notes=(nasty,)), NEEDS=NEEDS)
    assert "<script" not in done.summary
    assert "](http://e)" not in done.summary
    assert "@ada" not in done.summary
    assert not any(line.startswith("::set-output") for line in done.log.splitlines())


def test_a_comment_of_a_thousand_checks_fits(step, reports, github) -> None:
    checks = [{**FLOOR, "id": f"c{n}", "evidence": "x" * 200} for n in range(1000)]
    step(MODULE, reports(evaluate=checks), NEEDS=NEEDS, PULL_REQUEST="7", **github.environ())
    assert len(github.comments[0]["body"]) < 65_536
    assert "cut here" in github.comments[0]["body"]
