"""`prove` is a gate too: a check without a proof, blind on a bad input or red on the good one must fail it."""

from __future__ import annotations

import pytest

from mlgate.proofs.collection import GATES, MODEL_FILE, required
from mlgate.proofs.proof import Proof, prove, unproven
from mlgate.quality import CHECKS
from mlgate.report import Check
from mlgate.verbs.evaluate import TITLES


def says(status: str, name: str = "floor"):
    return lambda: Check(id=name, title="", status=status)


def test_a_check_that_is_green_on_the_good_and_red_on_every_bad_input_is_proven():
    found = prove("floor", Proof(says("pass"), {"shuffled": says("fail"), "empty": says("error")}))
    assert found.status == "pass"
    assert found.evidence == "shuffled: fail, empty: error"


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        (Proof(says("fail"), {"bad": says("fail")}), "on the good input"),
        (Proof(says("error"), {"bad": says("fail")}), "on the good input"),
        (Proof(says("pass"), {"bad": says("pass")}), "bad: stayed pass"),
        (Proof(says("pass"), {"bad": says("skip")}), "bad: stayed skip"),
        (Proof(says("pass"), {"first": says("fail"), "second": says("pass")}), "second: stayed pass"),
        (Proof(says("pass"), {"bad": says("fail", "schema")}), "red for another reason, schema"),
        (Proof(says("pass"), {}), "no bad input"),
    ],
)
def test_a_gate_that_is_not_shown_to_work_fails_its_proof(proof, words):
    found = prove("floor", proof)
    assert found.status == "fail"
    assert words in found.evidence
    assert found.mend


def test_a_check_that_nobody_proved_fails():
    assert unproven("new-check").status == "fail"


def test_a_check_that_cannot_apply_is_a_skip_with_its_reason():
    found = prove("freshness", Proof(says("skip"), {}, unless="no time column"))
    assert (found.status, found.evidence) == ("skip", "no time column")


def test_every_check_that_decides_needs_a_proof():
    assert set(CHECKS) <= set(required())
    assert set(TITLES) - {"first-release"} == set(GATES), "the first release is a rule that never blocks"
    from mlgate.packing.conditions import TITLES as CONDITIONS

    assert set(CONDITIONS) == {*MODEL_FILE, "clean-tree", "verdict"}
    assert {"version", "golden", "contract", "silence", "data-drift", "prediction-drift"} <= set(required())
    assert len(required()) == len(set(required()))
