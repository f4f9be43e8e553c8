"""What changed, the lock of a model made again, the registry's credentials, and which branch a deployment moved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LOCK = """schema: '2.0'
stages:
  train:
    cmd: mlgate train
    deps:
    - path: data/raw.parquet
      hash: md5
      md5: {data}
    outs:
    - path: models
      hash: md5
      md5: {model}.dir
      size: {size}
      nfiles: 5
  evaluate:
    cmd: mlgate evaluate
    deps:
    - path: models
      hash: md5
      md5: {model}.dir
      size: {size}
      nfiles: 5
    params:
      params.yaml:
        gates: {gates}
"""
SAID = {"data": "aa", "model": "bb", "size": 1, "gates": 0.4}


@pytest.mark.parametrize(
    ("name", "gates"),
    [
        ("params.yaml", "true"),
        ("src/mlgate/gates/floor.py", "true"),
        (".github/workflows/x.yml", "true"),
        ("README.md", "false"),
        ("data/-rf", "false"),
    ],
)
def test_a_pull_request_that_touches_a_gate_is_told_from_one_that_does_not(step, clone, name, gates) -> None:
    base = clone.git("rev-parse", "HEAD")
    clone.commit(name, "x")
    assert step("what-changed/what_changed.py", clone.folder, AGAINST=base).outputs["gates"] == gates


@pytest.mark.parametrize("against", ["", "0" * 40])
def test_where_the_base_is_not_known_every_gate_is_proven(step, clone, against) -> None:
    done = step("what-changed/what_changed.py", clone.folder, AGAINST=against)
    assert (done.code, done.outputs["gates"]) == (0, "true")


def test_case_2_a_base_that_is_no_commit_is_refused(step, clone) -> None:
    assert step("what-changed/what_changed.py", clone.folder, AGAINST="--output=x").code == 2


@pytest.mark.parametrize(
    ("change", "put_back"),
    [({}, True), ({"model": "cc", "size": 2}, True), ({"data": "cc"}, False), ({"gates": 0.1, "model": "cc"}, False)],
)
def test_a_lock_that_differs_in_the_models_bytes_alone_is_put_back(step, clone, change, put_back) -> None:
    clone.commit("dvc.lock", LOCK.format(**SAID))
    (clone.folder / "dvc.lock").write_text(LOCK.format(**(SAID | change)), encoding="utf-8")
    done = step("test-performance/settle_lock.py", clone.folder)
    assert done.code == 0
    assert (clone.git("status", "--porcelain") == "") == put_back
    assert ("::warning file=dvc.lock::" in done.log) != put_back


@pytest.fixture
def packaged(tmp_path: Path, report):
    """`packaged(container)`: the report and the record that `mlgate package` leaves, in the folder of the step."""

    def _packaged(container: str = "") -> dict:
        digest = "ab" * 32
        record = tmp_path / ".mlgate" / "releases" / digest / "release.json"
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"container": container}), encoding="utf-8")
        return report("package", {"id": "clean-tree", "title": "", "status": "pass"}, image_digest=f"sha256:{digest}")

    return _packaged


def test_a_release_without_an_image_is_told_by_its_digest(step, uv, packaged, tmp_path) -> None:
    done = step("build-image/build_image.py", tmp_path, PUSH="false", **uv("package", 0, packaged()))
    assert done.code == 0, done.log
    assert (done.outputs["release"], done.outputs["container"]) == ("ab" * 32, "")
    calls = (tmp_path / "bin" / "calls").read_text().splitlines()
    assert [call.removeprefix("run --locked ") for call in calls] == ["mlgate package --smoke"]
    assert "::notice title=image::no image: image.base is empty in params.yaml; next: set it to" in done.log
    said = json.loads((tmp_path / "reports" / "package.json").read_text(encoding="utf-8"))
    assert said["checks"][-1] | {"mend": ""} == {
        "id": "image",
        "title": "The image",
        "status": "skip",
        "evidence": "no image: image.base is empty in params.yaml",
        "mend": "",
    }


def test_an_image_is_told_in_two_parts_and_its_credentials_are_gone_afterwards(step, uv, packaged, tmp_path) -> None:
    container = f"ghcr.io/ada/card-fraud@sha256:{'cd' * 32}"
    env = uv("package", 0, packaged(container), image_base="python@sha256:00") | {
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ACTOR": "ada",
    }
    done = step("build-image/build_image.py", tmp_path, PUSH="true", REGISTRY_TOKEN="canary", **env)
    assert done.outputs["container-name"] == "ghcr.io/ada/card-fraud"
    assert done.outputs["container-digest"] == f"sha256:{'cd' * 32}"
    assert (tmp_path / "bin" / "called").read_text().split()[3:] == ["package", "--image", "--try", "--push"]
    environ = (tmp_path / "bin" / "environ").read_text()
    assert "MLGATE_IMAGE_REPOSITORY=ghcr.io/ada/card-fraud" in environ
    folder = next(line for line in environ.splitlines() if line.startswith("DOCKER_CONFIG=")).partition("=")[2]
    assert not Path(folder).exists()
    assert "canary" not in environ
    assert "canary" not in done.log


def test_an_image_is_built_a_second_time_where_that_is_asked_for(step, uv, packaged, tmp_path) -> None:
    env = uv("package", 0, packaged(), image_base="python@sha256:00")
    done = step("build-image/build_image.py", tmp_path, PUSH="false", TWICE="true", **env)
    assert done.code == 0, done.log
    assert (tmp_path / "bin" / "called").read_text().split()[3:] == ["package", "--image", "--try", "--twice"]


DONE = {"id": "ledger", "title": "ledger", "status": "pass"}


def test_a_deployment_takes_images_of_the_repository_that_params_name(step, uv, report, clone, tmp_path) -> None:
    path = uv("promote", 0, report("promote", DONE), image_repository="registry.example.org/bank/fraud")
    done = step("deploy/deploy_release.py", clone.folder, VERB="promote", GH_TOKEN="canary", **path)
    assert done.code == 0, done.log
    environ = (tmp_path / "bin" / "environ").read_text()
    assert "MLGATE_IMAGE_REPOSITORY=registry.example.org/bank/fraud" in environ
    assert "canary" not in done.log


def test_case_2_an_image_repository_is_no_place_for_a_shell(step, uv, packaged, tmp_path) -> None:
    env = uv("package", 0, packaged())
    done = step("build-image/build_image.py", tmp_path, PUSH="true", REPOSITORY="x/$(touch y)", **env)
    assert done.code == 2
    assert not (tmp_path / "bin" / "called").exists()


def test_a_package_that_failed_gives_no_release(step, uv, packaged, tmp_path) -> None:
    done = step("build-image/build_image.py", tmp_path, PUSH="false", **uv("package", 1, packaged()))
    assert (done.code, done.outputs["release"]) == (1, "")


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"VERB": "deploy", "ENVIRONMENT": "staging", "RELEASE": "ab"}, ["deploy", "--env=staging", "--release=ab"]),
        ({"VERB": "deploy", "ENVIRONMENT": "staging"}, ["deploy", "--env=staging"]),
        ({"VERB": "promote"}, ["promote"]),
        ({"VERB": "rollback", "ENVIRONMENT": "production", "TO": "-rf"}, ["rollback", "--env=production", "--to=-rf"]),
    ],
)
def test_a_deployment_calls_its_verb_and_says_whether_the_branch_moved(
    step, uv, report, clone, tmp_path, env, words
) -> None:
    path = uv(words[0], 0, report(words[0], DONE))
    done = step("deploy/deploy_release.py", clone.folder, **env, **path)
    assert (done.code, done.outputs["changed"], done.outputs["commit"]) == (0, "false", "")
    assert (tmp_path / "bin" / "called").read_text().splitlines()[2:] == ["mlgate", *words]


def test_the_commit_that_a_deployment_pushed_is_told(step, uv, clone, tmp_path) -> None:
    path = uv("deploy")
    script = tmp_path / "bin" / "uv"
    settings = '[ "$3" = python ] && { echo "[\\"\\", \\"\\", \\"none\\"]"; exit 0; }'
    script.write_text(
        f"#!/bin/sh\n{settings}\ngit -C {clone.folder} push -q origin HEAD:env/staging\n", encoding="utf-8"
    )
    done = step("deploy/deploy_release.py", clone.folder, VERB="deploy", ENVIRONMENT="staging", **path)
    assert (done.outputs["changed"], done.outputs["commit"]) == ("true", clone.there("rev-parse", "env/staging"))


@pytest.mark.parametrize(
    "env", [{"VERB": "destroy", "ENVIRONMENT": "staging"}, {"VERB": "deploy", "ENVIRONMENT": "moon"}]
)
def test_what_is_no_deployment_is_refused(step, uv, clone, env) -> None:
    done = step("deploy/deploy_release.py", clone.folder, **env, **uv("deploy"))
    assert done.code == 2
    assert "Traceback" not in done.log
