"""What a proof is: a check run on a good input and on bad ones, and what it must say of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mlgate.report import Check


@dataclass(frozen=True)
class Proof:
    """How one check is tried.

    Attributes
    ----------
    good
        Runs the check on the project's own input; must pass, or skip with a reason.
    bad
        Name of a bad input to the call that runs the check on it; each must end in `fail` or `error`, under the
        check's own id.
    unless
        Why there is no bad input in this project, where the check can't apply; empty otherwise.
    """

    good: Callable[[], Check]
    bad: Mapping[str, Callable[[], Check]] = field(default_factory=dict)
    unless: str = ""


def prove(name: str, proof: Proof) -> Check:
    """Try one check: pass where it is green on the good input and red, under its own id, on every bad one."""
    title = f"{name} turns red"
    if proof.unless:
        return Check(id=name, title=title, status="skip", evidence=proof.unless)
    if not proof.bad:
        return _failed(name, title, "no bad input is kept for it")
    found = proof.good()
    if found.id != name or found.status not in ("pass", "skip"):
        return _failed(name, title, f"on the good input: {found.id} {found.status}: {found.evidence}")
    said = []
    for bad, run in proof.bad.items():
        verdict = run()
        if verdict.id != name:
            return _failed(name, title, f"{bad}: red for another reason, {verdict.id}: {verdict.evidence}")
        if verdict.status not in ("fail", "error"):
            return _failed(name, title, f"{bad}: stayed {verdict.status}: {verdict.evidence}")
        said.append(f"{bad}: {verdict.status}")
    return Check(id=name, title=title, status="pass", evidence=", ".join(said))


def _failed(name: str, title: str, evidence: str) -> Check:
    mend = "mend the check, or its proof in src/mlgate/proofs"
    return Check(id=name, title=title, status="fail", evidence=evidence[:400], mend=mend)


def unproven(name: str) -> Check:
    """The verdict on a check for which nobody wrote a proof."""
    return _failed(name, f"{name} turns red", "it has no proof: nobody has seen it turn red")
