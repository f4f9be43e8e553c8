"""Each action.yml against what its steps and its module use, the README against both."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml
from actions_source import ACTIONS

sys.path.insert(0, str(ACTIONS.parent / "tools"))

import actions_table
import grants_table

FILES = sorted(ACTIONS.glob("*/action.yml"))
MODULES = sorted(ACTIONS.rglob("*.py"))
WORKFLOWS = sorted((ACTIONS.parent / "template" / ".github" / "workflows").glob("*.yml"))
OWN = {"actionlib", *(path.stem for path in MODULES)}
USED = re.compile(r"\binputs\.([a-z-]+)")


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_readme_tells_what_the_actions_declare() -> None:
    text = (ACTIONS / "README.md").read_text(encoding="utf-8")
    assert text == actions_table.written(text), "run `tools/run python tools/actions_table.py`"


def test_the_page_on_github_tells_every_right_and_what_it_is_for() -> None:
    text = (ACTIONS.parent / "docs" / "github.md").read_text(encoding="utf-8")
    assert text == grants_table.written(text), "run `tools/run python tools/grants_table.py`"
    told = {(flow, job, right): how for flow, job, right, how, _ in grants_table.grants()}
    meant = {
        (path.stem, name, right): how
        for path in WORKFLOWS
        for name, job in load(path)["jobs"].items()
        for right, how in job["permissions"].items()
    }
    assert told == meant


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_an_action_describes_what_it_takes_and_gives_and_uses_all_of_it(path: Path) -> None:
    action = load(path)
    inputs, outputs = action.get("inputs") or {}, action.get("outputs") or {}
    assert action["description"]
    assert all(one.get("description") and "default" in one for one in inputs.values())
    assert set(USED.findall(path.read_text(encoding="utf-8"))) == set(inputs)
    assert all(re.search(r"\|\| '.*' \}\}$", one["value"]) for one in outputs.values()), "a value on every path"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_a_step_is_one_line_with_a_shell_and_no_pasted_value(path: Path) -> None:
    for step in load(path)["runs"]["steps"]:
        if "run" in step:
            assert step["shell"] == "bash"
            assert "\n" not in step["run"].strip()
            assert "${{" not in step["run"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_gives_an_action_only_what_it_takes_and_reads_only_what_it_gives(path: Path) -> None:
    for job in load(path)["jobs"].values():
        given = {}
        for step in job["steps"]:
            uses = step.get("uses", "")
            if uses.startswith("./.github/actions/"):
                action = load(ACTIONS / uses.removeprefix("./.github/actions/") / "action.yml")
                assert set(step.get("with", {})) <= set(action.get("inputs") or {}), uses
                given[step.get("id", "")] = set(action.get("outputs") or {})
        read = re.findall(r"steps\.([a-z-]+)\.outputs\.([a-z-]+)", str(job))
        assert [(name, key) for name, key in read if key not in given.get(name, ())] == []


def test_modules_need_nothing_but_the_standard_library() -> None:
    foreign = {
        f"{path.parent.name}/{path.name} imports {name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name.partition(".")[0] not in sys.stdlib_module_names | OWN
    }
    assert foreign == set()


def test_a_module_has_a_name_of_its_own_says_why_it_exists_and_is_short() -> None:
    names = [path.stem for path in MODULES if path.stem != "__init__"]
    assert len(names) == len(set(names))
    assert not set(names) & sys.stdlib_module_names
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), path
        assert text.count("\n") <= 200, path
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
        assert [f.name for f in functions if f.end_lineno - f.lineno >= 40] == [], path
