"""The heartbeat: written on a branch of its own, read by pull requests, loud when it stops."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

MODULE = "heartbeat/heartbeat.py"


def beats(clone) -> list[dict[str, str]]:
    return json.loads(clone.there("show", "monitor:heartbeat.json"))["beats"]


def test_each_run_adds_a_beat_and_touches_no_other_branch(step, clone, github) -> None:
    main = clone.there("rev-parse", "main")
    for result in ("success", "failure"):
        assert step(MODULE, clone.folder, MODE="beat", RESULT=result, **github.environ()).code == 0
    assert [beat["result"] for beat in beats(clone)] == ["failure", "success"]
    assert clone.there("rev-list", "--count", "monitor") == "2"
    assert clone.there("rev-parse", "main") == main
    assert clone.git("status", "--porcelain") == ""


def test_case_22_a_beat_of_a_rival_is_kept(step, clone, github, tmp_path) -> None:
    import shutil

    other = shutil.copytree(clone.folder, tmp_path / "other")
    step(MODULE, clone.folder, MODE="beat", RESULT="one", **github.environ())
    step(MODULE, other, MODE="beat", RESULT="two", **github.environ())
    step(MODULE, clone.folder, MODE="beat", RESULT="three", **github.environ())
    assert [beat["result"] for beat in beats(clone)] == ["three", "two", "one"]


def test_a_damaged_file_starts_anew(step, clone, github) -> None:
    clone.git("checkout", "-q", "--orphan", "monitor")
    clone.commit("heartbeat.json", "{")
    clone.git("push", "-q", "origin", "monitor")
    assert step(MODULE, clone.folder, MODE="beat", RESULT="ok", **github.environ()).code == 0
    assert len(beats(clone)) == 1


@pytest.mark.parametrize(("days", "stale"), [(0.5, "false"), (2.9, "false"), (3.1, "true"), (61, "true")])
def test_case_32_a_stale_heartbeat_is_a_warning_that_fails_nothing(step, tmp_path, github, days, stale) -> None:
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    github.files["heartbeat.json"] = json.dumps({"beats": [{"at": at}]}).encode()
    done = step(MODULE, tmp_path, MODE="check", **github.environ())
    assert done.code == 0
    assert done.outputs["stale"] == stale
    assert ("::warning title=stale heartbeat::" in done.log) == (stale == "true")


def test_before_the_first_beat_nothing_is_stale(step, tmp_path, github) -> None:
    done = step(MODULE, tmp_path, MODE="check", **github.environ())
    assert (done.code, done.outputs["stale"]) == (0, "false")
    assert "no heartbeat yet" in done.outputs["message"]


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"beats": []}', b'{"beats": [{"at": "yesterday"}]}', b'{"beats": [{"at": "2026-01-01T00:00:00"}]}'],
)
def test_a_heartbeat_that_can_not_be_read_counts_as_stale(step, tmp_path, github, content: bytes) -> None:
    github.files["heartbeat.json"] = content
    done = step(MODULE, tmp_path, MODE="check", **github.environ())
    assert (done.code, done.outputs["stale"]) == (0, "true")
    assert "is damaged" in done.log
