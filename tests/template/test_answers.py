"""Every answer gives a project; an answer that could not work is refused with one sentence."""

from __future__ import annotations

import json
import sys
import tomllib
from itertools import product
from pathlib import Path

import pytest
import yaml

from mlgate.governance import Governance
from mlgate.params import Params

QUESTIONS = json.loads((Path(__file__).parents[2] / "cookiecutter.json").read_text(encoding="utf-8"))
CHOICES = [key for key, value in QUESTIONS.items() if isinstance(value, list) and not key.startswith("_")]
COMBINATIONS = [dict(zip(CHOICES, values, strict=True)) for values in product(*(QUESTIONS[key] for key in CHOICES))]


def files(run, repository: Path) -> list[str]:
    return run(["git", "ls-files", "-z"], repository).stdout.strip("\0").split("\0")


def test_at_most_six_questions_are_asked_and_each_has_a_default() -> None:
    asked = {key: value for key, value in QUESTIONS.items() if not key.startswith("_")}
    assert len(asked) <= 6
    assert all(asked.values())


def test_every_python_that_is_offered_is_promised_by_both_projects_and_baked_by_ci(template) -> None:
    offered = sorted(QUESTIONS["python_version"], key=lambda version: int(version.split(".")[1]))
    low, high = offered[0], f"3.{int(offered[-1].split('.')[1]) + 1}"
    for folder in (template, template / "template"):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["requires-python"] == f">={low},<{high}", folder.name
    jobs = yaml.safe_load((template / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert sorted(jobs["bake"]["strategy"]["matrix"]["python"], key=offered.index) == offered


@pytest.mark.parametrize("answers", COMBINATIONS, ids=lambda answers: "-".join(answers.values()))
def test_every_combination_of_answers_bakes_and_leaves_no_tag(bake, tmp_path, run, rendered, answers) -> None:
    repository = bake(tmp_path, **answers)
    assert rendered <= set(files(run, repository))
    for name in rendered:
        text = (repository / name).read_text(encoding="utf-8")
        assert not any(left in text for left in ("{{", "{%", "{#", "cookiecutter.")), name
    assert (repository / ".python-version").read_text(encoding="utf-8").strip() == answers["python_version"]
    Params.read(repository / "params.yaml")
    Governance.read(repository / "governance" / "model.yaml")


def test_a_file_that_no_answer_changes_is_copied_byte_for_byte(baked, run, rendered, template) -> None:
    folders = ["template", "actions", "docs"]
    listed = run(["git", "ls-files", "-z", "-co", "--exclude-standard", *folders], template).stdout
    names = {name.removeprefix("template/") for name in listed.strip("\0").split("\0") if (template / name).is_file()}
    expected = {f".github/{name}" if name.startswith("actions/") else name for name in names}
    found = set(files(run, baked))
    assert found == expected
    for name in found - rendered:
        assert (baked / name).read_bytes() == (template / "template" / name).read_bytes(), name


def test_the_owner_appears_only_where_it_is_meant_to(bake, tmp_path, run) -> None:
    repository = bake(tmp_path, owner="Sentinel-Owner-42")
    holders = {name for name in files(run, repository) if b"Sentinel-Owner-42" in (repository / name).read_bytes()}
    assert holders == {"README.md", ".github/CODEOWNERS", "governance/model.yaml", "params.yaml"}


@pytest.mark.parametrize(
    "name",
    [
        "Fraud at Smith & Sons",
        'Children\'s "safe" cards',
        "it''s 100 % #1: yes, {braces} [and] *stars*",
        "C:\\new\\table",
        "Zürich Versicherung",
        "カード不正検知",
        "Rockets 🚀",
        "2026 forecast",
        "!!!",
        "x" * 60,
        "null",
    ],
)
def test_an_odd_name_is_kept_as_it_was_typed(bake, tmp_path, name) -> None:
    repository = bake(tmp_path, project_name=name, description=f"About {name}")
    params = Params.read(repository / "params.yaml")
    assert (params.project.name, params.project.description) == (name, f"About {name}")
    assert params.project.slug == repository.name
    assert Governance.read(repository / "governance" / "model.yaml").purpose == f"About {name}"
    assert name in (repository / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", ["class", "json", "a", "x" * 63, "card-fraud-2"])
def test_a_slug_that_harms_nothing_works_even_if_python_knows_the_word(bake, tmp_path, slug) -> None:
    assert bake(tmp_path, project_slug=slug).name == slug


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"project_slug": "model"}, "a name that the project's own code uses: choose another"),
        ({"project_slug": "mlgate"}, "a name that the project's own code uses: choose another"),
        ({"project_slug": "nul"}, "the name of a device on Windows: choose another"),
        ({"project_slug": "com1"}, "the name of a device on Windows: choose another"),
        ({"project_slug": "Card Fraud"}, "use up to 63 of a-z, 0-9 and -"),
        ({"project_slug": "1st"}, "beginning with a letter"),
        ({"project_slug": "x" * 64}, "use up to 63"),
        ({"project_slug": "snake_case"}, "use up to 63"),
        ({"project_name": "two\nlines"}, "project_name holds a character that can't be printed"),
        ({"project_name": "x" * 101}, "project_name has 101 characters: keep it within 100"),
        ({"description": "\u202egnp.exe"}, "description holds a character that can't be printed"),
        ({"project_name": " ", "project_slug": "blank"}, "project_name is empty"),
        ({"owner": "two words"}, "is not a GitHub name"),
        ({"owner": "-dash"}, "is not a GitHub name"),
        ({"owner": "'; import os"}, "is not a GitHub name"),
    ],
)
def test_an_answer_that_could_not_work_is_refused_with_a_sentence(run, tmp_path, template, answers, words) -> None:
    given = [f"{key}={value}" for key, value in answers.items()]
    done = run([sys.executable, "-m", "cookiecutter", template, "--no-input", *given], tmp_path)
    assert done.returncode == 1
    (sentence,) = (done.stdout + done.stderr).strip().splitlines()  # and no traceback
    assert sentence.startswith("mlgate: ")
    assert words in sentence
    assert sentence.endswith(".")
    assert list(tmp_path.iterdir()) == []
