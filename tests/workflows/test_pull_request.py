"""The workflow of a pull request, run: what it says of a good one and of bad ones, and what it leaves behind."""

from __future__ import annotations

import io
import json
import re

import pandas as pd

GREEN = {"lint", "data", "performance", "image", "report", "all-green"}
NAME = "$(touch${IFS}x)`touch${IFS}y`"
TITLE = "`id` $(touch x) ::set-output name=status::pass ::error::hello <img src=x onerror=alert(1)>"


def said(scene) -> str:
    """The one comment on the one pull request."""
    (comment,) = scene.forge.state.comments[max(scene.forge.state.pulls)]
    return comment["body"]


def per_job(done) -> str:
    lines = [f"{name:>12} {job.seconds:6.1f} s" for name, job in done.jobs.items()]
    return "\n".join([*lines, f"{'summed':>12} {sum(job.seconds for job in done.jobs.values()):6.1f} s"])


def dead_schedule(scene) -> None:
    """Case 32: the branch monitor's last beat is from long ago."""
    beats = json.dumps({"beats": [{"at": "2026-01-01T00:00:00+00:00", "result": "success", "run": "1"}]})
    blob = scene.git("hash-object", "-w", "--stdin", at=scene.bare, stdin=beats)
    tree = scene.git("mktree", at=scene.bare, stdin=f"100644 blob {blob}\theartbeat.json\n")
    scene.git(
        "update-ref", "refs/heads/monitor", scene.git("commit-tree", tree, "-m", "b", at=scene.bare), at=scene.bare
    )


def test_a_good_pull_request_is_green_with_one_comment_and_case_32_a_dead_schedule_is_said(scene, capsys) -> None:
    dead_schedule(scene)
    scene.commit("Say more", {"docs/NOTES.md": "# Notes\n"})
    event = scene.pull_request("notes")
    before = scene.refs()
    done = scene.run("pull-request.yml", event)
    with capsys.disabled():
        print("\n" + per_job(done))
    assert {name for name, job in done.jobs.items() if job.result == "success"} == GREEN, done.told()
    assert done.exit == 0
    assert said(scene).startswith("<!-- mlgate:pull-request -->")
    assert "its schedule is dead" in said(scene)
    assert scene.forge.writes() == ["POST /repos/ada/card-fraud/issues/1/comments"]
    assert {one.job for one in scene.forge.asked} == {"report"}
    assert scene.refs() == before


def test_data_that_break_the_contract_are_red_in_a_line_that_names_the_column(scene) -> None:
    table = pd.read_parquet(scene.clone / "data" / "raw.parquet")
    out = io.BytesIO()
    table.assign(amount=-1.0).to_parquet(out)
    scene.commit("New data", {"data/raw.parquet": out.getvalue()})
    done = scene.run("pull-request.yml", scene.pull_request("data"), job="data")
    assert done.jobs["data"].result == "failure"
    assert re.search(r"::error.*amount", done.text), done.told()


def test_a_worse_model_is_red_against_the_one_in_production(scene) -> None:
    text = (scene.clone / "params.yaml").read_text(encoding="utf-8")
    text, found = re.subn(r"(?m)^  (max_iter|learning_rate): .*$", r"  \1: 1", text)
    text = re.sub(r"(?m)^  learning_rate: .*$", "  learning_rate: 0.000001", text)
    text = re.sub(r"(?m)^    margin: .*$", "    margin: 0.15", text)
    assert found == 2
    scene.commit("Learn faster", {"params.yaml": text})
    done = scene.run("pull-request.yml", scene.pull_request("faster"), job="performance")
    assert done.jobs["performance"].result == "failure", done.told()
    assert re.search(r"::error.*(champion|floor)", done.text), done.told()


def test_a_first_model_is_judged_by_the_floor_alone_where_no_production_is_there_yet(scene) -> None:
    for name in ("staging", "production"):
        scene.git("update-ref", "-d", f"refs/heads/env/{name}", at=scene.bare)
    scene.commit("Say more", {"docs/NOTES.md": "# Notes\n"})
    done = scene.run("pull-request.yml", scene.pull_request("notes"), job="performance")
    assert done.jobs["performance"].result == "success", done.told()
    assert "nothing is in production yet: the floor alone decides" in done.text, done.told()


def hostile(scene, canary, stolen) -> dict[str, str | bytes]:
    """What a stranger can put into a tree: no thresholds, a pipeline that looks around, a pickle for a model, a file
    that looks like an option."""
    params = (scene.clone / "params.yaml").read_text(encoding="utf-8")
    params = re.sub(r"(?m)^    threshold: .*$", "    threshold: 0.0", params)
    pickle = b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."
    pipeline = (scene.clone / "dvc.yaml").read_text(encoding="utf-8")
    pipeline = pipeline.replace("cmd: mlgate validate", f"cmd: env >{stolen} && mlgate validate")
    workflow = scene.show("main", ".github/workflows/pull-request.yml")
    loud = workflow.replace("permissions: {}", "permissions: write-all", 1)
    return {
        "params.yaml": params,
        "dvc.yaml": pipeline,
        "data/-rf": "x",
        "models/model.skops": pickle,
        ".github/workflows/pull-request.yml": loud,
        "docs/NOTES.md": "<script>alert(1)</script>\n",
    }


def test_cases_1_2_4_5_a_hostile_fork_gets_no_right_no_secret_no_execution_and_its_words_stay_words(scene) -> None:
    canary, stolen = scene.folder / "canary", scene.folder / "stolen"
    scene.commit(TITLE, hostile(scene, canary, stolen))
    event = scene.pull_request(NAME, title=TITLE, body="<script>alert(1)</script>", fork="eve")
    before = scene.refs()
    secret = "s3cr3t-canary-of-the-repository"
    done = scene.run("pull-request.yml", event, read_only=True, secrets={"CANARY": secret})
    assert done.exit == 1
    assert done.jobs["data"].result == "failure", done.told()
    assert "threshold" in done.jobs["data"].text
    assert done.jobs["report"].result == "success", "no right to comment is no failure: " + done.told()
    assert "no comment, the report is in the summary" in done.jobs["report"].text
    assert scene.forge.state.comments[1] == []
    assert scene.forge.writes() == []
    assert scene.refs() == before
    assert not canary.exists()
    assert not [path for name in ("x", "y") for path in scene.folder.rglob(name)]
    assert secret not in done.text
    found = stolen.read_text(encoding="utf-8")
    assert not [word for word in (secret, *scene.forge.tokens) if word in found], "a stage of dvc.yaml may look around"
    assert done.jobs["performance"].result == "failure", "a model in the tree is none that DVC made"
