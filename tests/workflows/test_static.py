"""The linters that the world maintains, over every baked option and this repository, each seen red on a bad line."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

TEMPLATE = Path(__file__).resolve().parents[2]
AUDIT = ["--offline", "--strict-collection", "--persona=auditor", "--no-progress"]


@pytest.fixture(params=["card-fraud", "own-table"], scope="module")
def option(bake, request, tmp_path_factory) -> Path:
    return bake(tmp_path_factory.mktemp("static"), use_case=request.param)


@pytest.fixture
def lint(run, program, environ):
    """`lint(tool, root)`: exit code and words of one of the linters on a repository's workflows and actions."""
    here = Path(sys.executable).parent
    schema = [str(here / "check-jsonschema"), "--builtin-schema"]

    def _lint(tool: str, root: Path):
        workflows = [str(path) for path in sorted((root / ".github" / "workflows").glob("*.yml"))]
        actions = [str(path) for path in sorted((root / ".github" / "actions").glob("*/action.yml"))]
        forms = [str(path) for path in sorted((root / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))]
        commands = {
            "actionlint": [program("actionlint"), "-shellcheck", str(here / "shellcheck"), "-pyflakes=", *workflows],
            "zizmor": [str(here / "zizmor"), *AUDIT, *([".github", "actions"] if root == TEMPLATE else ["."])],
            "check-jsonschema": [*schema, "vendor.github-workflows", *workflows],
            "actions-schema": [*schema, "vendor.github-actions", *actions],
            "dependabot-schema": [*schema, "vendor.dependabot", ".github/dependabot.yml"],
            "forms-schema": [*schema, "vendor.github-issue-forms", *forms],
        }
        return run(commands[tool], root)

    return _lint


LINTERS = ("actionlint", "zizmor", "check-jsonschema", "actions-schema", "dependabot-schema", "forms-schema")


@pytest.mark.parametrize("tool", LINTERS)
def test_every_baked_option_passes(option, lint, tool: str) -> None:
    done = lint(tool, option)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_template_s_own_workflows_pass(lint) -> None:
    for tool in ("actionlint", "zizmor", "check-jsonschema"):
        done = lint(tool, TEMPLATE)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path", ["params.yaml", "dvc.yaml", "governance/", ".github/", "src/mlgate/", "deploy/"], ids=lambda path: path
)
def test_what_decides_over_a_model_has_an_owner_of_its_own(option, path: str) -> None:
    assert (option / path).exists()
    lines = (option / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.split()[:1] == [f"/{path}"] and line.split()[1:]]


def scripts(root: Path) -> dict[str, str]:
    """Every `run` of workflows and actions, by where it stands."""
    found = {}
    for path in [*(root / ".github").glob("workflows/*.yml"), *(root / ".github").glob("actions/*/action.yml")]:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for job in content.get("jobs", {"": content.get("runs", {})}).values():
            for number, step in enumerate(job.get("steps", [])):
                if "run" in step:
                    found[f"{path.parent.name}-{path.stem}-{number}-{len(found)}"] = step["run"]
    return found


def shellcheck(run, folder: Path, texts: dict[str, str]):
    for name, text in texts.items():
        (folder / f"{name}.sh").write_text(f"#!/bin/bash\nset -eo pipefail\n{text}\n", encoding="utf-8")
    return run([str(Path(sys.executable).with_name("shellcheck")), *sorted(folder.glob("*.sh"))], folder)


def test_every_run_passes_shellcheck_and_a_bad_one_does_not(option, run, tmp_path) -> None:
    texts = scripts(option)
    assert len(texts) >= 10
    done = shellcheck(run, tmp_path, texts)
    assert done.returncode == 0, done.stdout
    assert shellcheck(run, tmp_path, {"bad": 'cd "$1"; rm -rf $2/*'}).returncode == 1


@pytest.mark.parametrize(
    ("tool", "file", "before", "after", "words"),
    [
        ("actionlint", "workflows/deliver.yml", "needs: [gates]", "needs: [gate]", "gate"),
        ("zizmor", "workflows/pull-request.yml", "  pull_request:", "  pull_request_target:", "dangerous-triggers"),
        ("check-jsonschema", "workflows/deliver.yml", "timeout-minutes: 60", "timeout_minutes: 60", "timeout_minutes"),
        ("actions-schema", "actions/setup/action.yml", "using: composite", "used: composite", "using"),
        ("dependabot-schema", "dependabot.yml", "interval: weekly", "interval: often", "often"),
        ("forms-schema", "ISSUE_TEMPLATE/data.yml", "description:", "describe:", "describe"),
    ],
)
def test_each_linter_is_red_on_a_bad_line(baked, lint, tmp_path, tool, file, before, after, words) -> None:
    shutil.copytree(baked / ".github", tmp_path / ".github")
    path = tmp_path / ".github" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    done = lint(tool, tmp_path)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
