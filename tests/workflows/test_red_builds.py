"""Each check of an image that is tried, run by the action `build-image` as a step: what is wrong in an image is red."""

from __future__ import annotations

import containers
import pytest
import steps
from red_releases import IMAGES, images
from red_told import assert_red
from scene import Scene

from mlgate.image.verdicts import TITLES

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def told(world, machine, docker: dict[str, str], base_image: str, registry: str, module_folder):
    """A good image and two bad ones, built and tried in one job: what each step said."""
    scene = Scene.of(world, module_folder("builds"), machine)
    try:
        return steps.run(scene, images(scene, base_image, f"{registry}/builds"), **containers.engine_of(docker))
    finally:
        scene.forge.close()


def test_the_image_that_the_cases_spoil_passes_every_check(told) -> None:
    said = told["sound"]
    assert (said.outcome, said.status, said.annotations) == ("success", "pass", {}), said
    tried = {check["id"]: check["status"] for check in said.reports["package"]["checks"]}
    assert {name: status for name, status in tried.items() if name in TITLES} == dict.fromkeys(TITLES, "pass")


@pytest.mark.parametrize("name", IMAGES)
def test_a_bad_image_is_red_in_outcome_output_annotation_summary_and_report_and_is_no_release(told, name) -> None:
    assert_red(told[name], "package", IMAGES[name])
    assert (told[name].outcome, told[name].outputs["release"]) == ("failure", "")
