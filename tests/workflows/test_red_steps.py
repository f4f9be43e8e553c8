"""Each gate, run by its action as a step of a workflow, on a commit that breaks it: red there, and it says why."""

from __future__ import annotations

import re

import pytest
import steps
from red_cases import RED, UNTIDY, cases
from scene import Scene

from mlgate.image import verdicts as image
from mlgate.proofs import live
from mlgate.proofs.collection import required
from mlgate.provenance.verdicts import CHECKS as PROVENANCE

pytestmark = pytest.mark.thorough

VERB = {"test-schema": "validate", "test-performance": "evaluate", "build-image": "package", "prove-gates": "prove"}
# What other files run: images need a registry or an engine, traffic opens an issue and is no gate of a merge.
ELSEWHERE = {*PROVENANCE, *image.TITLES, *live.CHECKS}


@pytest.fixture(scope="module")
def told(world, machine, tmp_path_factory):
    """Every case, run in one job: what each step said."""
    scene = Scene.of(world, tmp_path_factory.mktemp("red"), machine)
    made = cases(scene)
    try:
        said = steps.run(scene, made)
    finally:
        scene.forge.close()
    return {name: (case, said[name]) for name, case in made.items()}


@pytest.mark.parametrize("name", ["good", "trained"])
def test_the_project_that_the_cases_break_is_green(told, name: str) -> None:
    case, said = told[name]
    assert (said.outcome, said.status) == ("success", "pass"), said
    assert said.annotations == {}
    assert said.reports[VERB[case.action]]["status"] == "pass"


@pytest.mark.parametrize("name", RED)
def test_a_broken_gate_s_step_is_red_in_outcome_output_annotation_summary_and_report(told, name: str) -> None:
    case, said = told[name]
    verb = VERB[case.action]
    assert said.outcome == "failure", said
    assert said.status in ("fail", "error"), said
    found = {check["id"]: check for check in said.reports[verb]["checks"] if check["status"] in ("fail", "error")}
    assert set(found) == set(RED[name]), found
    for check, words in RED[name].items():
        assert re.search(words, found[check]["evidence"]), found[check]
        assert found[check]["mend"] or "not judged" in found[check]["evidence"], f"{check} names no way on"
        assert re.search(words, said.annotations[f"{verb}: {check}"]), said
        assert re.search(rf"(?m)^\| {check} \| (❌ fail|⚠️ error) \|", said.summary), said.summary


@pytest.mark.parametrize(
    ("name", "title", "shown"),
    [("untested", "pytest -q", ("assert 1 == 2",)), ("untidy", "pre-commit run", UNTIDY)],
)
def test_the_project_s_own_tests_and_each_check_before_a_commit_are_red_steps_too(told, name, title, shown) -> None:
    _, said = told[name]
    assert (said.outcome, said.status) == ("failure", "fail"), said
    assert "ended with 1" in said.annotations[title], said
    missing = [words for words in shown if words not in "\n".join(said.lines)]
    assert not missing, said


def test_case_1_a_pipeline_from_which_a_pull_request_took_the_gates_is_no_pass(told) -> None:
    _, said = told["gateless"]
    assert (said.outcome, said.status) == ("failure", "error"), said
    assert "no report of evaluate, so nothing was judged" in said.annotations["evaluate: evaluate"], said


def test_every_gate_that_must_be_proven_is_seen_red_as_a_step() -> None:
    seen = {check for checks in RED.values() for check in checks}
    assert seen | ELSEWHERE == set(required())
    assert not seen & ELSEWHERE
