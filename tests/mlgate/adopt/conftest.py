"""A committed repository with the default use case, for each test to adopt a table in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from adopt_tables import GIT, commit

from mlgate import cli

TEMPLATE = Path(__file__).resolve().parents[3] / "template"
ANSWERS = ("cookiecutter.__name_in_quotes", "cookiecutter.owner", "cookiecutter.__description_in_quotes")


@pytest.fixture(scope="session")
def born(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a bake gives, as far as adopt reads or replaces it."""
    root = tmp_path_factory.mktemp("born") / "project"
    keep = shutil.ignore_patterns("__pycache__", "*.pyc", ".venv", "mlgate", ".github", "uv.lock")
    shutil.copytree(TEMPLATE, root, ignore=keep, symlinks=True)
    text = (root / "params.yaml").read_text("utf-8").replace("{{ cookiecutter.project_slug }}", "a-project")
    for answer in ANSWERS:
        text = text.replace(f"{{{{ {answer} }}}}", "answer")
    (root / "params.yaml").write_text(text, "utf-8")
    (root / ".gitignore").write_text("/.mlgate/\n/reports/\n/models/\n__pycache__/\n", "utf-8")
    subprocess.run([*GIT[:1], "init", "-q"], cwd=root, check=True)
    commit(root)
    return root


@pytest.fixture
def project(born: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    shutil.copytree(born, root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLGATE_STATE", raising=False)
    return root


@pytest.fixture
def adopt(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the verb in the project: exit code, and all that it said."""

    def run(*arguments: object) -> tuple[int, str]:
        code = cli.main(["adopt", *map(str, arguments)])
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    return run
