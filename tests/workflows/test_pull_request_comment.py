"""The job that comments on a pull request, as it is, behind jobs that hand it their reports; and GitHub failing it."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from handed import FLOOR, handed, report
from markdown_it import MarkdownIt

FILE = ".github/workflows/pull-request.yml"
REPORTS = {
    "lint": {},
    "data": {"validate.json": report("validate")},
    "performance": {"evaluate.json": report("evaluate")},
    "image": {"package.json": report("package")},
}
GREEN = "## ✅ mlgate: every gate is green"
COMMENTS = "/issues/1/comments$"


def opened(scene, **changed: dict[str, str] | None):
    """A pull request of this repository whose jobs hand on these reports, None being the job as it is; its run."""
    reports = {job: files for job, files in (REPORTS | changed).items() if files is not None}
    text = handed(scene.show("main", FILE), reports, {"performance": {"gates": "false"}})
    scene.commit("Say more", {FILE: text})
    return scene.run("pull-request.yml", scene.pull_request("notes"), MLGATE_API_WAIT="0.01")


def comments(scene) -> list[str]:
    return [comment["body"] for comment in scene.forge.state.comments[1]]


class _Reader(HTMLParser):
    """What a browser makes of a page: tags, where links and images lead, and the words between."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for key, value in attrs if key in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += data


def rendered(comment: str) -> tuple[set[str], list[str], str]:
    """Tags, addresses and words of a comment as CommonMark with tables shows it, raw HTML let through."""
    reader = _Reader()
    reader.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(comment))
    return reader.tags, reader.links, reader.words


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


@pytest.mark.parametrize("job", ["data", "performance", "image"])
def test_a_job_whose_report_was_not_uploaded_is_red_in_a_line_with_the_mend(scene, job: str) -> None:
    done = opened(scene, **{job: {}})
    assert done.jobs[job].result == "success", "the upload warns"
    assert done.jobs["report"].result == "failure", done.told()
    assert done.jobs["all-green"].result == "failure"
    assert re.search(rf"::error::job {job} ended well but left no report.*; next: look at", done.text), done.told()
    (comment,) = comments(scene)
    assert f"job **{job}**: no report" in comment


NASTY = (
    "<script>alert(1)</script>`id`@ada \x1b[31mred\x1b[0m[x](http://e.example/)![i](http://e.example/i)<!-- a | ~~b #1"
)
BLOCKS = {"details", "h2", "h3", "li", "p", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"}
OURS = BLOCKS | {"a", "em", "strong"}


def test_case_4_hostile_words_of_data_and_reports_arrive_in_the_comment_as_words(scene) -> None:
    table = pd.read_parquet(scene.clone / "data" / "raw.parquet")
    out = io.BytesIO()
    table.assign(**{NASTY: 1.0}).to_parquet(out)
    scene.commit("New data", {"data/raw.parquet": out.getvalue()})
    check = FLOOR.model_copy(update={"id": NASTY, "title": NASTY, "status": "fail", "evidence": NASTY, "mend": NASTY})
    done = opened(scene, data=None, performance={"evaluate.json": report("evaluate", check, notes=(NASTY,))})
    assert done.jobs["data"].result == "failure", done.told()
    assert done.jobs["report"].result == "success", done.told()
    assert done.cached == {"data": "true"}, "a pull request's job may, as case 3's jobs may not"
    (comment,) = comments(scene)
    tags, links, words = rendered(comment)
    assert tags <= OURS
    assert all(link.startswith(scene.forge.url) for link in links)
    inert = "<script>alert(1)</script>`id`@\u200bada"
    assert f"not in the contract: {inert}" in words, "what the real job says of the data"
    assert words.count(inert) >= 6, "and each field of the report"
    assert all(char.isprintable() or char in "\n\u200b" for char in words)
    assert not re.search(r"@\w|#\d", words)
