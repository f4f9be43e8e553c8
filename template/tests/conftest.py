"""What all tests of this repository share: its parameters, read as the verbs read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlgate.params import Params, parse
from mlgate.yaml_file import read_yaml

ROOT = Path(__file__).resolve().parent.parent
# In the template's own checkout the answers are not filled in yet; a generated repository has real ones.
ANSWERS = {"name": "Example", "slug": "example", "owner": "example", "description": ""}


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """`params.yaml` as plain values."""
    content: dict[str, Any] = read_yaml(ROOT / "params.yaml")
    project = content["project"]
    for key, value in project.items():
        if "cookiecutter" in str(value) and "{" in str(value):
            project[key] = ANSWERS[key]
    return content


@pytest.fixture(scope="session")
def params(settings: dict[str, Any]) -> Params:
    return parse(settings)
