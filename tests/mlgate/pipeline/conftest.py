"""A small project that was ingested, validated, trained and packaged once, by its own verbs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sharing import made_once, of_all_workers
from small_world import Run, commit, repro

REPOSITORY = Path(__file__).resolve().parents[3]
SMALL = {
    "customers": "420",
    "terminals": "120",
    "until": '"2026-03-30"',
    "min_rows": "500",
    "max_iter": "20",
    "threshold": "0.02",
}


def fresh(folder: Path, run: Run) -> Path:
    """The generated repository as a bake gives it, with a world that is small enough to test on."""
    names = run(["git", "ls-files", "-z", "-co", "--exclude-standard", "template"], REPOSITORY).stdout.split("\0")
    for name in filter(None, names):
        source, target = REPOSITORY / name, folder / Path(name).relative_to("template")
        if source.is_file() and "/tests/" not in name and "/.github/" not in name:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    path = folder / "params.yaml"
    text = re.sub(r'"\{\{[^}]*_slug \}\}"', '"small-world"', path.read_text(encoding="utf-8"))
    text = re.sub(r'"\{\{[^}]*\}\}"', '"Small world"', text)
    for key, value in SMALL.items():
        text = re.sub(rf"^(\s+{key}:) \S+", rf"\1 {value}", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    run(["git", "init", "-q", "-b", "main"], folder)
    commit(folder, run, "first")
    return folder


@pytest.fixture(scope="session")
def born(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """A project before its first snapshot. Read it; take a `newborn` to change one."""
    return fresh(tmp_path_factory.mktemp("born") / "small", run)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, born: Path, mlgate: Run, run: Run) -> Path:
    """A project with data, split and model, everything committed; made once for all workers. Read it."""

    def make(folder: Path) -> None:
        shutil.copytree(born, folder)
        for done in (mlgate(folder, "ingest"), repro(folder, run)):
            assert done.returncode == 0, done.stdout + done.stderr
        commit(folder, run, "data and model")

    return made_once(of_all_workers(tmp_path_factory) / "trained" / "small", make)


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory, trained: Path, mlgate: Run) -> Path:
    """A project with a built release; made once for all workers. Read it."""

    def make(folder: Path) -> None:
        shutil.copytree(trained, folder)
        done = mlgate(folder, "package")
        assert done.returncode == 0, done.stdout + done.stderr

    return made_once(of_all_workers(tmp_path_factory) / "packaged" / "small", make)


@pytest.fixture
def newborn(born: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(born, tmp_path / "project"))


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained project, to do anything to."""
    return Path(shutil.copytree(trained, tmp_path / "project"))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """`call(folder, "ingest")`: a verb by the front door, in this process; returns exit code and what was said."""
    from mlgate.cli import main

    def _call(folder: Path, *arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        for name in ("MLGATE_STATE", "DVC_STAGE"):
            monkeypatch.delenv(name, raising=False)
        capsys.readouterr()
        code = main(list(arguments))
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out + said.err

    return _call
