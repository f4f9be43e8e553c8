"""Each check of a release before a deploy or a promotion, run as a step: what is bad moves no environment."""

from __future__ import annotations

from pathlib import Path

import pytest
import steps
from red_images import PROMOTIONS, RED, REFUSALS, in_staging, released
from red_told import assert_red
from scene import Scene
from signed_toy import make_keys, make_toy

from mlgate.project import git

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def told(world, machine, registry, crane, program, module_folder):
    """Every case, a small project of its own, deployed by a step: what it said, and the projects' remotes."""
    folder = module_folder("images")
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
            release = released(toy, name, folder, other, patch)
            made[name] = steps.Case("deploy", inputs={"project": name, "release": release.hex})
        for name in ("proven", *PROMOTIONS):
            toy = make_toy(folder / "kept" / name / name, f"{registry}/red/{name}/toy", ours, crane)
            in_staging(toy, name, folder, other, patch)
            made[name] = steps.Case("deploy", inputs={"project": name, "action": "promote"})
    before = {name: _environments(folder, name) for name in made}
    try:
        said = steps.run(scene, made, UV_NO_SYNC="1", **deploying)
    finally:
        scene.forge.close()
    return said, before, {name: _environments(folder, name) for name in made}


def _environments(folder: Path, name: str) -> dict[str, str]:
    """The commits on the remote's env/staging and env/production."""
    told = git(folder / f"{name}.git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/env")
    return {line.split()[0].rpartition("/")[2]: line.split()[1] for line in told.splitlines()}


@pytest.mark.parametrize(("name", "moved"), [("good", "staging"), ("proven", "production")])
def test_a_signed_image_of_main_is_deployed_and_promoted(told, name: str, moved: str) -> None:
    said, before, after = told
    assert (said[name].outcome, said[name].status) == ("success", "pass"), said[name]
    assert moved not in before[name]
    assert set(after[name]) == {*before[name], moved}


@pytest.mark.parametrize("name", [*RED, *PROMOTIONS])
def test_a_bad_release_is_red_in_outcome_output_annotation_and_report_and_no_environment_moves(told, name) -> None:
    said, before, after = told
    step = said[name]
    assert (step.outcome, step.status) == ("failure", "error" if name in REFUSALS else "fail"), step
    assert_red(step, "promote" if name in PROMOTIONS else "deploy", (RED | PROMOTIONS)[name])
    assert before[name] == after[name]
