"""This repository's own workflows keep the rules that apply to them; a release needs its part of the changelog."""

from __future__ import annotations

from pathlib import Path

import pytest
import release_notes
import rules
from forge.server import Forge
from scene import NAME, OWNER, Scene

TEMPLATE = Path(__file__).resolve().parents[2]
# The bake matrix names two systems; a release is refused for its tag before anything is tested.
LEFT_OUT = ("runners_are_pinned", "no_job_waits_for_what_it_does_not_use")
APPLY = [rule for rule in rules.RULES if rule.__name__ not in LEFT_OUT]
TEXT = "# Changes\n\n## 1.1.0, 2026-10-01\n\n- New.\n\n## 1.0.0, unreleased\n\n- Old.\n\n## 0.9.0, 2026-01-01\n\n"


@pytest.mark.parametrize("rule", APPLY, ids=lambda rule: rule.__name__)
def test_the_template_s_own_workflows_keep_the_rules(rule) -> None:
    folder = rules.Folder(TEMPLATE, TEMPLATE / "actions" / "pins.toml")
    assert len(folder.workflows) >= 3
    assert list(rule(folder)) == []


def test_a_release_takes_its_own_part_of_the_changelog() -> None:
    assert release_notes.notes(TEXT, "1.1.0") == "- New.\n"


@pytest.mark.parametrize("version", ["1.0.0", "0.9.0", "2.0.0", "1"])
def test_a_release_without_a_date_or_words_is_refused(version: str) -> None:
    with pytest.raises(LookupError, match="CHANGELOG"):
        release_notes.notes(TEXT, version)


def test_the_actions_run_on_themselves_and_the_one_that_must_be_red_is(template, machine, tmp_path, run) -> None:
    bare = tmp_path / "origin.git"
    assert run(["git", "clone", "-q", "--bare", str(template), str(bare)], tmp_path).returncode == 0
    scene = Scene(tmp_path, machine, template, bare, Forge(bare, OWNER, NAME))
    try:
        done = scene.run("ci.yml", scene.pushed(), job="actions")
    finally:
        scene.forge.close()
    assert done.jobs["actions"].result == "success", done.told()
    assert "amount" in done.jobs["actions"].text
