"""Each gate, run by its action as a step of a workflow, on a commit that breaks it: red there, and it says why."""

from __future__ import annotations

import re

import pytest
import red_cases
import red_code
import red_images
import red_releases
import red_traffic
import steps
from red_told import assert_red
from scene import Scene
from traffic import KEY

from mlgate.proofs.collection import required

pytestmark = pytest.mark.thorough

VERB = {"test-schema": "validate", "test-performance": "evaluate", "build-image": "package", "prove-gates": "prove",
        "check-drift": "monitor"}  # fmt: skip
RED = red_cases.RED | red_releases.RED | red_code.RED
IN_OTHER_JOBS = (*red_images.RED.values(), *red_releases.IMAGES.values())
# No step can be brought to these, and why.
NO_STEP = {"image-digest": "a record that names a tag is none, and `deploy` says so first: `tagged` of red_images"}


@pytest.fixture(scope="module")
def scene(world, machine, module_folder) -> Scene:
    return Scene.of(world, module_folder("red"), machine)


@pytest.fixture(scope="module")
def told(scene: Scene):
    """Every case, run in one job: what each step said."""
    made = {}
    for module in (red_cases, red_releases, red_code, red_traffic):
        made |= module.cases(scene)
    try:
        said = steps.run(scene, made, MLGATE_PSEUDONYM_KEY=KEY)
    finally:
        scene.forge.close()
    assert scene.forge.violations == [], "GitHub would refuse this, or never answer so"
    return {name: (case, said[name]) for name, case in made.items()}


@pytest.mark.parametrize("name", ["good", "trained", "proven", "quiet"])
def test_the_project_that_the_cases_break_is_green(told, name: str) -> None:
    case, said = told[name]
    assert (said.outcome, said.status) == ("success", "pass"), said
    assert said.annotations == {}
    assert said.reports[VERB[case.action]]["status"] == "pass"


@pytest.mark.parametrize("name", RED)
def test_a_broken_gate_s_step_is_red_in_outcome_output_annotation_summary_and_report(told, name: str) -> None:
    case, said = told[name]
    assert said.outcome == "failure", said
    assert_red(said, VERB.get(case.action) or case.inputs.get("direction", "pull"), RED[name])


@pytest.mark.parametrize("name", red_traffic.RED)
def test_an_alarm_of_live_traffic_is_told_and_opens_the_issue_and_its_step_is_green(told, name: str) -> None:
    """A red job would say that nobody watches."""
    decision, red = red_traffic.RED[name]
    _, said = told[name]
    assert (said.outcome, said.status, said.outputs["decision"]) == ("success", "fail", decision), said
    assert_red(said, "monitor", red)
    first = next(iter(red_traffic.RED))
    assert said.outputs["issue"] == told[first][1].outputs["issue"] != "", (
        "one issue, which each alarm brings up to date"
    )


def test_traffic_as_it_was_opens_no_issue(told) -> None:
    outputs = told["quiet"][1].outputs
    assert (outputs["decision"], outputs["issue"]) == ("healthy", "")


def test_a_test_of_the_project_that_fails_is_a_red_step(told) -> None:
    (_, green), (_, red) = told["tested"], told["untested"]
    assert (green.outcome, green.status, green.annotations) == ("success", "pass", {}), green
    assert (red.outcome, red.status) == ("failure", "fail"), red
    assert "ended with 1" in red.annotations["pytest -q"], red
    assert "assert 1 == 2" in "\n".join(red.lines), red


def test_each_check_before_a_commit_is_red_on_what_it_refuses_and_green_without(told, scene: Scene) -> None:
    (_, green), (_, red) = told["tidy"], told["untidy"]
    assert (green.outcome, green.status, green.annotations) == ("success", "pass", {}), green
    passed = red_code.verdicts(scene, green.lines)
    assert {hook: verdict for hook, (verdict, _) in passed.items()} == dict.fromkeys(passed, "Passed"), green
    assert (red.outcome, red.status) == ("failure", "fail"), red
    assert "ended with 1" in red.annotations["pre-commit run"], red
    failed = red_code.verdicts(scene, red.lines)
    assert set(red_code.HOOKS) == set(failed), "a check before a commit without what it refuses"
    silent = [hook for hook, words in red_code.HOOKS.items() if not re.search(words, failed[hook][1])]
    assert (silent, [hook for hook in failed if failed[hook][0] != "Failed"]) == ([], []), red


@pytest.mark.parametrize("name", ["unlocked", "unlocked-code"])
def test_a_lock_that_is_not_of_this_pyproject_is_red_before_anything_runs(told, name: str) -> None:
    _, said = told[name]
    assert said.outcome == "failure", said
    assert "--locked` was provided" in "\n".join(said.lines), said


def test_without_a_remote_there_is_nothing_to_fetch_and_no_step_is_red(told) -> None:
    _, said = told["remoteless"]
    assert (said.outcome, said.status, said.annotations) == ("success", "skip", {}), said


def test_case_1_a_pipeline_from_which_a_pull_request_took_the_gates_is_no_pass(told) -> None:
    _, said = told["gateless"]
    assert (said.outcome, said.status) == ("failure", "error"), said
    assert "no report of evaluate, so nothing was judged" in said.annotations["evaluate: evaluate"], said


def test_every_gate_that_must_be_proven_is_seen_red_as_a_step() -> None:
    alarms = [red for _, red in red_traffic.RED.values()]
    seen = {check.split("/")[0] for red in (*RED.values(), *IN_OTHER_JOBS, *alarms) for check in red}
    assert set(required()) - seen == set(NO_STEP)
