"""The runner and the forge are fair: what GitHub refuses they refuse, what it does they do."""

from __future__ import annotations

import pytest

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
UPLOAD = "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a"
DOWNLOAD = "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c"
WORKFLOW = f"""\
name: draft
on: [push, pull_request]
permissions: {{}}
jobs:
  reader:
    runs-on: ubuntu-24.04
    permissions:
      contents: read
    steps:
      - uses: {CHECKOUT} # v7.0.1
        with:
          persist-credentials: false
      - run: git log --oneline | wc -l | grep -qx 1 # depth 1
      - run: "! git fetch -q origin env/staging"
      - run: "! env | grep -q CANARY"
      - run: mkdir -p out/deep && echo kept > out/deep/file.txt && ln -s out/deep link
      - run: |
          curl -s -o /dev/null -w '%{{http_code}}' -X POST -H "Authorization: Bearer $TOKEN" -d '{{"title": "x"}}' \\
            -H 'Content-Type: application/json' "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues" | grep -qx 403
        env:
          TOKEN: ${{{{ github.token }}}}
      - uses: {UPLOAD} # v7.0.1
        with:
          name: kept
          path: out
  writer:
    needs: reader
    runs-on: ubuntu-24.04
    permissions:
      contents: write
      issues: write
    steps:
      - uses: {CHECKOUT} # v7.0.1
        with:
          fetch-depth: 0
          persist-credentials: true
      - run: git rev-parse origin/env/staging && test "$(git rev-parse HEAD)" = "$GITHUB_SHA"
      - uses: {DOWNLOAD} # v8.0.1
        with:
          name: kept
          path: came
      - run: grep -qx kept came/deep/file.txt
      - run: git push -q origin HEAD:refs/heads/made
      - run: "! git push -q --force origin HEAD~1:refs/heads/main"
      - run: |
          curl -s -f -X POST -H "Authorization: Bearer $TOKEN" -d '{{"title": "x", "labels": ["drift"]}}' \\
            -H 'Content-Type: application/json' "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues"
        env:
          TOKEN: ${{{{ github.token }}}}
  red:
    runs-on: ubuntu-24.04
    steps:
      - run: exit 3
  after:
    needs: red
    runs-on: ubuntu-24.04
    steps:
      - run: "true"
"""


@pytest.fixture
def drafted(scene):
    scene.commit("A workflow", {".github/workflows/draft.yml": WORKFLOW})
    return scene


def test_a_push_runs_with_each_job_s_rights_and_leaves_branches_issues_and_artifacts(drafted, monkeypatch) -> None:
    monkeypatch.setenv("CANARY", "of the machine")
    event = drafted.push_main()
    done = drafted.run("draft.yml", event)
    assert done.results() == {"reader": "success", "writer": "success", "red": "failure"}, done.told()
    assert done.exit == 1
    assert drafted.refs()["made"] == event.sha == drafted.refs()["main"]
    (issue,) = drafted.forge.state.issues.values()
    assert [label["name"] for label in issue["labels"]] == ["drift"]
    assert [(one.job, one.status) for one in drafted.forge.asked] == [("reader", 403), ("writer", 201)]


def test_a_pull_request_of_a_fork_runs_on_the_merge_with_a_token_that_only_reads(drafted) -> None:
    drafted.push_main()
    drafted.commit("Theirs", {"theirs.txt": "x"})
    event = drafted.pull_request("theirs", fork="eve")
    done = drafted.run("draft.yml", event, job="writer", read_only=True)
    assert done.jobs["reader"].result == "success", done.told()
    assert done.jobs["writer"].result == "failure", done.told()
    assert "made" not in drafted.refs()
    assert "theirs" not in drafted.refs()
    assert drafted.git("rev-list", "--parents", "-1", event.sha, at=drafted.bare).count(" ") == 2
