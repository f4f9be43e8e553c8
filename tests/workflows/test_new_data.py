"""What schedules make of new data: a pull request with its verdicts; and every gate proven red each week."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.thorough


def statuses(scene, branch: str) -> dict[str, str]:
    """The newest state of each context on a branch's head."""
    found = scene.forge.state.statuses_of(scene.refs()[branch])
    return {status["context"]: status["state"] for status in reversed(found)}


def test_a_new_snapshot_is_offered_once_as_a_pull_request_with_its_verdicts(scene) -> None:
    main = scene.refs()["main"]
    done = scene.run("data.yml", scene.dispatched(until="2026-03-20"))
    assert done.exit == 0, done.told()
    (pull,) = scene.forge.state.pulls.values()
    assert (pull["head"]["ref"], pull["base"]["ref"]) == ("mlgate/data", "main")
    assert [label["name"] for label in scene.forge.state.issues[pull["number"]]["labels"]] == ["data"]
    assert statuses(scene, "mlgate/data").keys() >= {"validate", "all-green"}
    changed = scene.git("diff", "--name-only", main, "refs/heads/mlgate/data", at=scene.bare).splitlines()
    assert "data/raw.parquet" in changed
    assert all(path.startswith("data/") or path == "dvc.lock" for path in changed)
    assert scene.refs()["main"] == main
    done = scene.run("data.yml", scene.dispatched(until="2026-03-23"))
    assert done.exit == 0, done.told()
    assert len(scene.forge.state.pulls) == 1, "the same one, moved on"


def test_retrain_opens_one_pull_request_with_the_report_and_leaves_production_alone(scene) -> None:
    before = scene.refs()
    done = scene.run("retrain.yml", scene.dispatched(until="2026-03-23"))
    assert done.exit == 0, done.told()
    (pull,) = scene.forge.state.pulls.values()
    assert pull["head"]["ref"] == "mlgate/retrain"
    assert "every gate is green" in pull["body"]
    assert statuses(scene, "mlgate/retrain")["all-green"] == "success"
    assert {name: sha for name, sha in scene.refs().items() if name != "mlgate/retrain"} == before


def test_every_gate_is_proven_red_by_the_weekly_run(scene) -> None:
    done = scene.run("prove.yml", scene.scheduled())
    assert done.exit == 0, done.told()
    assert scene.forge.writes() == []
