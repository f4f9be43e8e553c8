"""A merge goes to staging, what staging proved to production, and back: by commits on environment branches."""

from __future__ import annotations

import json

import pytest
from handed import handed, report
from scene import Scene
from traffic import answer, watch


def release(scene: Scene, environment: str) -> dict:
    return json.loads(scene.show(f"env/{environment}", "release.json"))


def count(scene: Scene, branch: str) -> int:
    return int(scene.git("rev-list", "--count", f"refs/heads/{branch}", at=scene.bare))


@pytest.fixture(scope="module")
def delivered(world, machine, module_folder):
    """A merge that changes the code of the model, run through `deliver`; the scene, its event and the run."""
    scene = Scene.of(world, module_folder("delivered"), machine)
    path = scene.clone / "src" / "model" / "model.py"
    scene.commit("Explain the model", {"src/model/model.py": path.read_text(encoding="utf-8") + "# explained\n"})
    event = scene.push_main()
    done = scene.run("deliver.yml", event)
    yield scene, event, done
    scene.forge.close()
    assert scene.forge.violations == []


@pytest.fixture
def after(delivered, machine, tmp_path):
    """A scene of its own that goes on where `deliver` ended."""
    scene = Scene.of(delivered[0].folder, tmp_path, machine)
    yield scene
    scene.forge.close()
    assert scene.forge.violations == []


def test_a_merge_is_built_once_and_committed_to_staging_and_nowhere_else(delivered, world) -> None:
    scene, event, done = delivered
    assert done.exit == 0, done.told()
    assert done.jobs["staging"].result == "success", done.told()
    staged = release(scene, "staging")
    assert staged["source_commit"] == event.sha
    assert count(scene, "env/staging") == 2
    assert count(scene, "env/production") == 1
    assert set(scene.refs()) == {"main", "env/staging", "env/production"}
    assert scene.refs()["main"] == event.sha
    trailers = scene.git("log", "-1", "--format=%B", "refs/heads/env/staging", at=scene.bare)
    assert trailers.startswith("deploy(staging): ")
    assert f"Source-Commit: {event.sha}" in trailers
    assert "Approved-By: ada" in trailers
    assert done.attested == [], "no image, so there was nothing to sign"
    assert "sign" not in done.jobs or done.jobs["sign"].result == "skipped"
    assert "is installed" not in done.text, "cosign is for those who ask for a key"


def test_case_3_no_job_of_a_delivery_restores_a_cache_that_a_fork_may_have_filled(delivered) -> None:
    """What setup-uv was told, a job each; test_cache_poisoning.py shows what a cache would do."""
    _, _, done = delivered
    assert done.cached == dict.fromkeys(("gates", "build", "staging"), "false")


@pytest.mark.thorough
def test_the_same_commit_delivered_again_changes_nothing(after) -> None:
    before = after.refs()
    done = after.run("deliver.yml", after.pushed())
    assert done.exit == 0, done.told()
    assert after.refs() == before


def test_promote_copies_staging_s_release_and_a_rollback_returns_to_the_one_before(after) -> None:
    former = release(after, "production")
    done = after.run("promote.yml", after.dispatched())
    assert done.exit == 0, done.told()
    assert release(after, "production")["image"] == release(after, "staging")["image"] != former["image"]
    said = after.git("log", "-1", "--format=%B", "refs/heads/env/production", at=after.bare)
    assert "Approved-By: ada" in said
    again = after.refs()
    done = after.run("promote.yml", after.dispatched())
    assert done.exit == 0, done.told()
    assert after.refs() == again, "promoted already"
    done = after.run("rollback.yml", after.dispatched(environment="production", to=""))
    assert done.exit == 0, done.told()
    assert release(after, "production")["image"] == former["image"]
    assert count(after, "env/production") == 3, "a rollback is a commit, not a rewrite"


@pytest.mark.thorough
def test_promote_looks_at_staging_s_live_traffic_where_monitor_source_says(after) -> None:
    folder = watch(after, "staging")
    answer(after, folder, changed=True, env="staging")
    before = after.refs()
    done = after.run("promote.yml", after.dispatched(), job="production")
    assert done.jobs["production"].result == "failure", done.told()
    assert "investigate: a field is lost" in done.text, done.told()
    assert after.refs() == before
    answer(after, folder, changed=False, env="staging")
    done = after.run("promote.yml", after.dispatched(), job="production")
    assert done.exit == 0, done.told()
    assert "healthy: nothing moved" in done.text, done.told()
    assert release(after, "production")["image"] == release(after, "staging")["image"]


def test_promote_without_a_release_in_staging_says_so_in_a_line_with_the_mend(after) -> None:
    for name in ("staging", "production"):
        after.git("update-ref", "-d", f"refs/heads/env/{name}", at=after.bare)
    done = after.run("promote.yml", after.dispatched(), job="production")
    assert done.jobs["production"].result == "failure"
    assert "mlgate deploy --env staging" in done.text, done.told()
    assert set(after.refs()) == {"main"}


def test_a_release_that_build_did_not_upload_is_red_and_moves_nothing(scene) -> None:
    file = ".github/workflows/deliver.yml"
    built, left = {"release": "ab" * 32, "container": ""}, {"package.json": report("package")}
    text = handed(scene.show("main", file), {"gates": {}, "build": left}, {"build": built})
    scene.commit("Lose the release", {file: text})
    event = scene.push_main()
    before = scene.refs()
    done = scene.run("deliver.yml", event)
    assert done.jobs["build"].result == "success", done.told()
    assert done.jobs["staging"].result == done.jobs["all-green"].result == "failure", done.told()
    assert f"Artifact not found for name: release-{'ab' * 32}" in done.jobs["staging"].text
    assert scene.refs() == before
