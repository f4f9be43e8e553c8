"""The documents say what is there: every verb, every word of the Makefile, every key, and no link into nothing."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from mlgate.cli import VERBS
from mlgate.params import Params

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("actions/*.md")]
TOLD = ("ingest", "prove", "package", "deploy", "replay", "monitor", "retrain", "promote", "rollback")


def keys(model: type[BaseModel], prefix: str = "") -> dict[str, object]:
    """Every key of `params.yaml` in full, with its default as YAML writes it; None where it must be given."""
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys(field.annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = None if field.is_required() else field.get_default(call_default_factory=True)
    return found


def test_the_readme_names_every_verb() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| verb | does |")[2]
    named = set(
        re.findall(r"`([a-z]+)`", " ".join(line.split("|")[1] for line in table.splitlines() if "|" in line[:1]))
    )
    assert set(VERBS) <= named


def test_the_readme_names_every_word_of_the_makefile_and_make_lists_them() -> None:
    words = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert words == {"help", "demo", "test", "lint", "format", "bench", "in-place"}
    listed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"make ([a-z-]+)", listed)) == words
    assert {f"`make {word}`" for word in words} <= set(re.findall(r"`make [a-z-]+`", (ROOT / "README.md").read_text()))


def test_the_readme_shows_what_the_demo_prints_to_the_end() -> None:
    """Paste the output of `make demo` between the two marks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- demo:begin -->")[2].partition("<!-- demo:end -->")[0]
    assert [verb for verb in TOLD if not re.search(rf"\b{verb}\b", shown)] == []
    assert re.search(r"\d+ s\b", shown), "the seconds it took"


def test_every_key_of_params_yaml_is_explained_with_its_default() -> None:
    rows = re.findall(
        r"^\| `([a-z_.]+)` \|([^|]*)\|([^|]+)\|$", (ROOT / "docs" / "params.md").read_text(), re.MULTILINE
    )
    explained = {key: default.strip(" `") for key, default, _ in rows}
    expected = keys(Params)
    assert set(explained) == set(expected)
    for key, default in expected.items():
        if isinstance(default, int | float):
            assert explained[key] == json.dumps(default), key


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_link_of_a_document_leads_into_nothing(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_of_a_project_says_how_to_run_change_promote_and_roll_back(baked: Path) -> None:
    text = (baked / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == [
        "Run it",
        "Change it",
        "Promote",
        "Roll back",
        "Watch it",
    ]
    assert set(re.findall(r"uv run mlgate ([a-z]+)", text)) <= set(VERBS)
    assert "[" not in "".join(link for link in re.findall(r"\]\((?!http)([^)]+)", text) if not (baked / link).exists())


def test_both_locks_give_a_shared_package_the_same_version() -> None:
    versions = []
    for folder in (ROOT, ROOT / "template"):
        lock = tomllib.loads((folder / "uv.lock").read_text(encoding="utf-8"))
        found: dict[str, set[str]] = {}
        for package in lock["package"]:
            found.setdefault(package["name"], set()).add(package.get("version", ""))
        versions.append(found)
    tools, project = versions
    assert {name for name in project if name in tools and project[name] != tools[name]} == set()
    assert {"mlflow", "bentoml", "dvc", "scikit-learn", "ruff"} <= set(project) & set(tools)


def test_every_third_party_action_is_pinned_as_the_table_of_pins_says() -> None:
    table = tomllib.loads((ROOT / "actions" / "pins.toml").read_text(encoding="utf-8"))["action"]
    pins = {f"{row['name']}@{row['sha']} # {row['tag']}" for row in table}
    files = [
        *ROOT.glob(".github/workflows/*.yml"),
        *ROOT.glob("actions/*/action.yml"),
        *ROOT.glob("template/.github/workflows/*"),
    ]
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert yaml.safe_load(text)
        used = re.findall(r"uses: (?!\./)(\S+@.*)$", text, flags=re.MULTILINE)
        assert set(used) <= pins, path


def test_no_run_of_a_workflow_or_action_pastes_an_expression_into_its_script() -> None:
    for path in [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("actions/*/action.yml")]:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        jobs = [content["runs"]] if "runs" in content else content["jobs"].values()
        steps = [step for job in jobs for step in job["steps"] if "run" in step]
        assert steps
        assert [step["run"] for step in steps if "${{" in step["run"]] == []
        if "runs" in content:
            assert all(step.get("shell") for step in steps)
