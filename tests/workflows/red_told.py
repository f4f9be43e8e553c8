"""What a red step has to tell in each place where somebody looks."""

from __future__ import annotations

import re

from steps import Said

FOLLOWS = ("not judged", "the image was not ready")  # from another red check, which names the way on


def assert_red(said: Said, verb: str, expected: dict[str, str]) -> None:
    """These checks alone are red, each with its evidence in the report, an annotation and the summary."""
    assert said.status in ("fail", "error"), said
    found = {check["id"]: check for check in said.reports[verb]["checks"] if check["status"] in ("fail", "error")}
    assert set(found) == set(expected), found
    for check, words in expected.items():
        evidence = found[check]["evidence"]
        assert re.search(words, evidence), found[check]
        assert found[check]["mend"] or any(reason in evidence for reason in FOLLOWS), f"{check} names no way on"
        assert re.search(words, said.annotations[f"{verb}: {check}"].partition("; next: ")[0]), said
        assert re.search(rf"(?m)^\| {check} \| (❌ fail|⚠️ error) \|", said.summary), said.summary
