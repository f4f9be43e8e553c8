"""The front door: every verb that `--help` lists is there, says how to call it, and loads nothing to say so."""

from __future__ import annotations

import importlib
import subprocess
import sys

import click
import pytest
from source import SOURCE

from mlgate.cli import VERBS

HEAVY = {"bentoml", "dvc", "matplotlib", "mlflow", "numpy", "pandas", "pandera", "pyarrow", "scipy", "sklearn", "skops"}
ASK = """
import sys
from mlgate.cli import VERBS, main
for verb in VERBS:
    assert main([verb, "--help"]) == 0, verb
"""
SERVICE = "import sys, model.service"  # which BentoML's first process only looks at: a second one serves
LOADED = f"""
print("loaded:", *sorted({{name.partition(".")[0] for name in sys.modules}} & {HEAVY!r}))
"""


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_says_what_it_does_and_gives_an_example(verb: str) -> None:
    command = importlib.import_module(f"mlgate.verbs.{verb}").command
    assert isinstance(command, click.Command)
    text = command.help or ""
    assert f"mlgate {verb}" in text.partition("Example:")[2], text
    undocumented = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert undocumented == []


def test_a_module_of_verbs_is_a_verb_and_every_verb_a_module() -> None:
    files = {path.stem for path in (SOURCE / "mlgate" / "verbs").glob("*.py")} - {"__init__"}
    assert files == set(VERBS)


@pytest.mark.parametrize(("code", "may"), [(ASK, ""), (SERVICE, " bentoml")], ids=["help", "service"])
def test_what_only_speaks_of_the_work_loads_no_library_that_takes_long_to_import(code: str, may: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"loaded:{may}"
