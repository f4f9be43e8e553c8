"""The whole loop on the newest Python that the question offers, as a user of that Python installs and runs it."""

from __future__ import annotations

import json
import re
import sys

import pytest
from repository import give_ports, report

pytestmark = [pytest.mark.loop, pytest.mark.thorough]


def test_the_whole_loop_is_told_to_its_end_under_the_newest_python(
    run, bake, template, other_python, ended, module_folder
) -> None:
    offered = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))["python_version"]
    newest = max(offered, key=lambda version: int(version.split(".")[1]))
    if sys.version_info[:2] == tuple(map(int, newest.split("."))):
        pytest.skip(f"these tests run on {newest} themselves: test_default_use_case.py is that loop")
    python = other_python(newest)
    repository = bake(module_folder("newest") / "bake", python_version=newest)
    give_ports(repository)
    ended(repository)
    assert run(["git", "commit", "-qam", "ports of their own"], repository).returncode == 0
    for words in (["sync", "--locked", "--quiet"], ["run", "--locked", "mlgate", "demo"]):
        done = run(["uv", *words], repository, timeout=1800, UV_PYTHON=python)
        assert done.returncode == 0, done.stdout + done.stderr
    assert {check["status"] for check in report(repository, "demo")["checks"]} == {"pass"}
    assert run(["git", "status", "--porcelain"], repository).stdout == ""
    (kept,) = re.findall(r"(?m)^version_info = (\d+\.\d+)", (repository / ".venv" / "pyvenv.cfg").read_text())
    assert kept == newest, "the loop ran on that Python"
