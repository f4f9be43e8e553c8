"""Each check of an image before a deploy, run by the action `deploy` as a step: a bad image moves no environment."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import containers
import pytest
import steps
from scene import Scene
from signed_toy import Toy, make_keys, make_toy, push

from mlgate.packing.release import Release
from mlgate.project import git
from mlgate.provenance.verdicts import CHECKS
from mlgate.verbs import deploy

pytestmark = pytest.mark.thorough

# What was done to a release that is good otherwise → check → what its evidence says.
RED: dict[str, dict[str, str]] = {
    "imageless": {"image-policy": "the release names no pushed image"},
    "tagged": {"deploy": "names no release that is whole"},  # no record names a tag, so `image-digest` is asked of none
    "elsewhere": {"image-repository": "toy-copy, and the project's is"},
    "lost": {"image-present": "is not whole in the registry any more"},
    "unsigned": {"image-signed": "no signed statement of a release"},
    "other-key": {"image-signer": "signed, but not by the key in trusted/cosign.pub"},
    "untrue": {
        "source-on-main": "main",
        "signature-age": "expired 0.0 days ago",
        "signed-repository": "it is of the model another, not toy",
        "signed-workflow": "on refs/heads/feature, not refs/heads/main",
        "signed-verdict": "fail",
        "signed-release": "data_digest",
    },
    "replayed": {"replay": "older"},
}


@pytest.fixture(scope="module")
def told(world, machine, registry, crane, program, tmp_path_factory: pytest.TempPathFactory):
    """Every case, a small project of its own, deployed by a step: what it said, and the projects' remotes."""
    folder = tmp_path_factory.mktemp("images")
    ours, other = make_keys(program, folder / "ours"), make_keys(program, folder / "other")
    signing = {"MLGATE_COSIGN_KEY": str(ours / "cosign.key"), "COSIGN_PASSWORD": "of a test"}
    cosign = program("cosign")
    deploying = {"MLGATE_COSIGN": cosign, "STAND_IN_COSIGN": cosign, "GIT_CONFIG_GLOBAL": "/dev/null"}
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        deploying |= {f"{name}_NAME": "Ada Tester", f"{name}_EMAIL": "ada@example.org"}
    scene = Scene.of(world, folder, machine)
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**signing, **deploying, "TMPDIR_OF_TEST": str(folder)}.items():
            patch.setenv(name, value)
        patch.delenv("GITHUB_ACTIONS", raising=False)
        for name in ("good", *RED):
            toy = make_toy(folder / "kept" / name / name, f"{registry}/red/{name}/toy", ours, crane)
            release = _released(toy, name, folder, other, patch)
            made[name] = steps.Case("deploy", inputs={"project": name, "release": release.hex})
    before = {name: _staged(folder, name) for name in made}
    try:
        said = steps.run(scene, made, UV_NO_SYNC="1", **deploying)
    finally:
        scene.forge.close()
    return said, before, {name: _staged(folder, name) for name in made}


def _staged(folder: Path, name: str) -> str:
    """The commit on the remote's env/staging; empty where there is none."""
    return git(folder / f"{name}.git", "for-each-ref", "--format=%(objectname)", "refs/heads/env/staging")


def _released(toy: Toy, name: str, folder: Path, other: Path, patch: pytest.MonkeyPatch) -> Release:
    """A release of the toy, on main and signed by our key, but for what its name says."""
    remote = folder / f"{name}.git"
    git(folder, "init", "-q", "--bare", str(remote))
    git(toy.folder, "remote", "add", "origin", str(remote))
    git(toy.folder, "push", "-q", "origin", "main")
    claims: dict[str, Any] = {}
    container = {"imageless": "", "elsewhere": f"{toy.repository}-copy"}.get(name)
    if name == "untrue":
        toy.params(signature_max_age="1h")
        git(toy.folder, "checkout", "-q", "-b", "feature")
        toy.commit("not reviewed")
        digest, signed = "sha256:" + "9" * 64, datetime.now(UTC) - timedelta(hours=2)
        claims = {"verdict": "fail", "data_digest": digest, "model": "another", "attested": signed}
    release = toy.release(name, push(toy.crane, f"{container}:v1", [{"seed": name}]) if container else container)
    with patch.context() as key:
        if name == "other-key":
            key.setenv("MLGATE_COSIGN_KEY", str(other / "cosign.key"))
        if name not in ("imageless", "unsigned"):
            toy.sign(release, **claims)
    if name == "lost":
        containers.quiet(toy.crane, "delete", "--insecure", release.container)
    if name == "tagged":
        record = toy.folder / ".mlgate" / "releases" / release.hex / "release.json"
        record.write_text(json.dumps(json.loads(record.read_text()) | {"container": f"{toy.repository}:latest"}))
    if name == "replayed":
        toy.commit("second")
        git(toy.folder, "push", "-q", "origin", "main")
        newer = toy.release("newer")
        toy.sign(newer)
        patch.setenv("MLGATE_REMOTE", "origin")
        assert deploy.run(toy.project, "staging", newer.hex).exit_code == 0
        patch.delenv("MLGATE_REMOTE")
    return release


def test_a_signed_image_of_main_is_deployed(told) -> None:
    said, before, after = told
    assert (said["good"].outcome, said["good"].status) == ("success", "pass"), said["good"]
    assert before["good"] == "" != after["good"]


@pytest.mark.parametrize("name", RED)
def test_a_bad_image_is_red_in_outcome_output_annotation_and_report_and_staging_stays(told, name: str) -> None:
    said, before, after = told
    step = said[name]
    assert (step.outcome, step.status) == ("failure", "error" if name == "tagged" else "fail"), step
    red = {check["id"]: check for check in step.reports["deploy"]["checks"] if check["status"] in ("fail", "error")}
    assert set(red) == set(RED[name]), red
    for check, words in RED[name].items():
        assert re.search(words, red[check]["evidence"]), red[check]
        assert re.search(words, step.annotations[f"deploy: {check}"]), step
        assert red[check]["mend"]
    assert before[name] == after[name]


def test_every_check_of_an_image_is_seen_red_as_a_step() -> None:
    seen = {check for checks in RED.values() for check in checks}
    assert seen - {"deploy"} == set(CHECKS) - {"image-digest"}
