"""The workflow of a pull request, run: what it says of a good one and a bad one, and what it leaves behind."""

from __future__ import annotations

GREEN = {"lint", "data", "performance", "image", "report", "all-green"}


def said(scene) -> str:
    """The one comment on the one pull request."""
    (comment,) = scene.forge.state.comments[max(scene.forge.state.pulls)]
    return comment["body"]


def per_job(done) -> str:
    lines = [f"{name:>12} {job.seconds:6.1f} s" for name, job in done.jobs.items()]
    return "\n".join([*lines, f"{'summed':>12} {sum(job.seconds for job in done.jobs.values()):6.1f} s"])


def test_a_good_pull_request_is_green_with_one_comment_and_nothing_else_written(scene, capsys) -> None:
    scene.commit("Say more", {"docs/NOTES.md": "# Notes\n"})
    done = scene.run("pull-request.yml", scene.pull_request("notes"))
    with capsys.disabled():
        print("\n" + per_job(done))
    assert {name for name, job in done.jobs.items() if job.result == "success"} == GREEN, done.told()
    assert done.exit == 0
    assert said(scene).startswith("<!-- mlgate:pull-request -->")
    assert scene.forge.writes() == ["POST /repos/ada/card-fraud/issues/1/comments"]
    assert set(scene.refs()) == {"main", "notes", "env/staging", "env/production"}
