"""The workflow that signs says of its statement what the code that verifies it expects."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from mlgate.provenance import attest, sbom
from mlgate.provenance.claims import WORKFLOW
from mlgate.provenance.predicate import RELEASE_TYPE

TEMPLATE = Path(__file__).parents[2] / "template"


def test_the_workflow_attests_the_files_that_package_writes_under_the_type_that_deploy_asks_for() -> None:
    jobs = yaml.safe_load((TEMPLATE / WORKFLOW).read_text())["jobs"]
    given = [s["with"] for s in jobs["attest"]["steps"] if s.get("uses", "").startswith("actions/attest@")]
    (release,) = [with_ for with_ in given if "predicate-path" in with_]
    assert release["predicate-type"] == RELEASE_TYPE
    assert release["predicate-path"] == f"reports/{attest.PREDICATE}"
    assert [with_["sbom-path"] for with_ in given if "sbom-path" in with_] == [f"reports/{sbom.FILE}"]


def test_whatever_else_names_the_statement_names_it_so() -> None:
    named = set()
    for path in [*TEMPLATE.rglob("*.yml"), *TEMPLATE.rglob("*.yaml"), *TEMPLATE.rglob("*.md"), *TEMPLATE.rglob("*.py")]:
        named |= set(re.findall(r"https://[\w./-]*/release/v1\b", path.read_text(encoding="utf-8")))
    assert named == {RELEASE_TYPE}
