"""Our own rules on every workflow and action, and each of them seen red on the change that it is there for."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import rules


@pytest.fixture(params=["card-fraud", "own-table"], scope="module")
def option(bake, request, tmp_path_factory) -> Path:
    """A repository baked for each use case."""
    return bake(tmp_path_factory.mktemp("option"), use_case=request.param)


def folder(root: Path) -> rules.Folder:
    return rules.Folder(root, root / ".github" / "actions" / "pins.toml")


def test_every_baked_option_keeps_every_rule(option) -> None:
    assert rules.findings(folder(option)) == []


def test_no_baked_option_lacks_what_the_rules_look_at(option) -> None:
    found = folder(option)
    assert set(found.workflows) >= {"pull-request.yml", "deliver.yml", "promote.yml", "rollback.yml", "monitor.yml"}
    assert len(found.actions) >= 10
    assert len(list(found.jobs())) >= 15


ANY = r"\A"
# Rule → file, what to replace the first time it stands there, by what.
BROKEN: dict[str, tuple[str, str, str]] = {
    "pins_are_the_table": ("workflows/pull-request.yml", r"# v\S+", "# v0.0.0"),
    "no_expression_in_run": ("actions/report/action.yml", r"run: python3", "run: echo ${{ inputs.note }}; python3"),
    "runs_are_short": ("actions/setup/action.yml", r"run: uv sync --locked", 'run: "a\\n\\nb\\n\\nc\\n\\nd"'),
    "nothing_is_granted_on_top": ("workflows/deliver.yml", r"(?m)^permissions: \{\}", "permissions: read-all"),
    "jobs_are_named_and_end": ("workflows/pull-request.yml", r"    timeout-minutes: \d+\n", ""),
    "all_green_needs_every_job": ("workflows/deliver.yml", r"needs: \[gates, build, ", "needs: [gates, "),
    "no_job_waits_for_what_it_does_not_use": (
        "workflows/pull-request.yml", r"needs: \[performance\]", "needs: [performance, lint]",
    ),
    "a_deploy_is_never_cancelled": ("workflows/deliver.yml", "cancel-in-progress: false", "cancel-in-progress: true"),
    "every_workflow_has_a_group": ("workflows/prove.yml", r"  group: prove\n", ""),
    "no_event_gives_a_fork_more": ("workflows/pull-request.yml", r"  pull_request:", "  pull_request_target:"),
    "a_fork_s_code_holds_no_write_token": (
        "workflows/pull-request.yml", r"          ref: \$\{\{ github.event.pull_request.base.sha \}\}\n", "",
    ),
    "a_secret_is_held_by_an_environment": ("workflows/deliver.yml", r"    environment: signing\n", ""),
    "credentials_stay_only_where_a_job_pushes": (
        "workflows/pull-request.yml", "persist-credentials: false", "persist-credentials: true",
    ),
    "only_pull_requests_restore_a_cache": (
        "workflows/deliver.yml", r"(uses: ./.github/actions/setup)\n", r'\1\n        with:\n          cache: "true"\n',
    ),
    "inputs_used_are_declared": ("workflows/promote.yml", r"          approved-by:", "          approved_by:"),
    "every_run_names_its_shell": ("actions/setup/action.yml", r"      shell: bash\n", ""),
    "outputs_have_a_value": ("actions/report/action.yml", r" \|\| 'error' \}\}", " }}"),
    "runners_are_pinned": ("workflows/prove.yml", "ubuntu-24.04", "ubuntu-latest"),
}  # fmt: skip


@pytest.mark.parametrize("name", [rule.__name__ for rule in rules.RULES])
def test_each_rule_is_red_on_what_it_is_there_for(baked, tmp_path, name: str) -> None:
    assert name in BROKEN, f"show what {name} refuses"
    file, what, by = BROKEN[name]
    shutil.copytree(baked / ".github", tmp_path / ".github")
    path = tmp_path / ".github" / file
    text, found = re.subn(what, by, path.read_text(encoding="utf-8"), count=1)
    assert found == 1, f"{file} has no {what}"
    path.write_text(text, encoding="utf-8")
    assert [line for line in rules.findings(folder(tmp_path)) if line.startswith(f"{name}: ")]
