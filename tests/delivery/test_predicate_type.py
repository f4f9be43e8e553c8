"""One name for what is signed: the workflow that attests, the code that verifies, and the cluster's policy agree."""

from __future__ import annotations

import re
from pathlib import Path

from mlgate.provenance.predicate import RELEASE_TYPE

TEMPLATE = Path(__file__).resolve().parents[2] / "template"


def test_what_the_workflow_attests_is_what_the_verb_verifies() -> None:
    text = (TEMPLATE / ".github" / "workflows" / "deliver.yml").read_text(encoding="utf-8")
    assert re.findall(r"predicate-type: (\S+)", text) == [RELEASE_TYPE]


def test_whatever_else_names_the_statement_names_it_so() -> None:
    named = set()
    for path in [*TEMPLATE.rglob("*.yml"), *TEMPLATE.rglob("*.yaml"), *TEMPLATE.rglob("*.md"), *TEMPLATE.rglob("*.py")]:
        named |= set(re.findall(r"https://[\w./-]*/release/v1\b", path.read_text(encoding="utf-8")))
    assert named == {RELEASE_TYPE}
