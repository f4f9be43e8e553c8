"""The shape of the source: which way imports go, who may know which library, and how long things get."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest
from source import SOURCE, TEMPLATE, modules

OUTSIDE = {"bentoml", "dvc", "httpx", "mlflow", "os", "requests", "socket", "subprocess"}
PIPELINE = {"dvc", "matplotlib", "mlflow"}
HOME = re.compile(rb"(?<![\w.])/(home|root|Users|work|mnt)/\w")


def test_imports_only_go_down() -> None:
    rank = {"shell": 3, "edges": 2, "pure": 1, "kernel": 0}
    layers = {module.name: module.layer for module in modules()}
    upward = [
        f"{module.name} ({module.layer}) imports {name} ({layers[name]})"
        for module in modules()
        for name in module.imports()
        if module.layer in rank and layers.get(name) in rank and rank[layers[name]] > rank[module.layer]
    ]
    assert upward == []


def test_pure_code_knows_no_file_system_no_process_and_no_platform() -> None:
    found = [
        f"{module.name} imports {name}"
        for module in modules()
        if module.layer == "pure"
        for name in module.imports()
        if name.partition(".")[0] in OUTSIDE or name == "mlgate.project"
    ]
    assert found == []


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("mlflow", {"mlgate.training.tracking", "mlgate.training.tracking_server"}),
        ("bentoml", {"mlgate.packing.bento", "mlgate.preload", "model.service"}),
    ],
)
def test_a_platform_is_imported_in_one_place(library: str, allowed: set[str]) -> None:
    users = {module.name for module in modules() for name in module.imports() if name.partition(".")[0] == library}
    assert users <= allowed
    assert users


def test_what_the_service_imports_lives_without_the_pipeline() -> None:
    imports = {module.name: set(module.imports()) for module in modules()}
    reached, waiting = set(), ["model.service"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [found for found in imports.get(name, ()) if found.partition(".")[0] in ("mlgate", "model")]
    found = {f"{n} imports {i}" for n in reached for i in imports.get(n, ()) if i.partition(".")[0] in PIPELINE}
    assert found == set()
    assert "mlgate.gates.scoring" in reached


def test_case_35_no_row_that_was_served_becomes_training_data() -> None:
    """The model would learn from its own answers: what reads the prediction log back judges, and makes no data."""
    log = {"mlgate.serving.prediction_read", "mlgate.serving.prediction_source"}
    readers = {module.name for module in modules() for name in module.imports() if name in log}
    assert readers - log == {
        "mlgate.judging.live",
        "mlgate.serving.prediction_log",
    }  # its writer names it, and reads nothing


def test_only_the_shell_prints_or_exits() -> None:
    found = [
        f"{module.name}:{node.lineno} {ast.unparse(node.func)}"
        for module in modules()
        if module.layer != "shell"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("print", "sys.exit", "exit", "click.echo")
        and not _is_front_door(module.tree, node)
    ]
    assert found == []


def _is_front_door(tree: ast.Module, node: ast.AST) -> bool:
    """Whether the call stands under `if __name__ == "__main__":`, where a module is a program of its own."""
    doors = [n for n in tree.body if isinstance(n, ast.If) and "__name__" in ast.unparse(n.test)]
    return any(node in ast.walk(door) for door in doors)


def test_a_module_begins_by_saying_why_it_exists() -> None:
    silent = [m.name for m in modules() if not (ast.get_docstring(m.tree) or "").strip()]
    assert silent == []


def test_a_module_fits_in_200_lines_and_a_function_in_40() -> None:
    long_modules = [f"{module.name}: {module.lines} lines" for module in modules() if module.lines > 200]
    long_functions = [
        f"{module.name}.{function.name}: {length} lines"
        for module in modules()
        for function in module.functions()
        if (length := function.end_lineno - function.lineno + 1) > 40
    ]
    assert long_modules + long_functions == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "process", "handle", "common", "misc"}
    assert [module.name for module in modules() if module.path.stem in vague] == []


def test_no_tag_of_the_template_stands_in_code() -> None:
    assert [path for path in SOURCE.rglob("*.py") if b"{{ cookiecutter" in path.read_bytes()] == []


def test_no_path_of_a_machine_is_in_the_tree() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TEMPLATE, capture_output=True, check=True, text=True).stdout
    paths = [
        TEMPLATE / name for name in listed.strip("\0").split("\0") if not name.endswith(("uv.lock", "test_shape.py"))
    ]
    assert [path for path in paths if path.is_file() and HOME.search(path.read_bytes())] == []
