"""The champion on a machine that never packaged it: brought back from its commit, in its own packages, or refused."""

from __future__ import annotations

import re
import shutil

import pytest
from repository import report
from small_repository import copied, shrink, verb

from mlgate.engine.bundles import ledger_files
from mlgate.ledger import Ledger
from mlgate.packing.release import read_release
from mlgate.project import Project

pytestmark = [pytest.mark.loop, pytest.mark.thorough]


@pytest.fixture(scope="module")
def moved_on(project_copy, mlgate, run, module_folder):
    """Production has a release; since then the data moved on, and the folder of the release is gone."""
    repository = project_copy(module_folder("champion-elsewhere"))
    shrink(repository)
    run(["git", "commit", "-qam", "a small world"], repository)
    steps = (["ingest"], ["dvc", "repro"])
    for words in steps:
        done = run(verb(repository, *words), repository, PYTHONPATH=str(repository / "src"))
        assert done.returncode == 0, done.stdout + done.stderr
    run(["git", "add", "-A"], repository)
    run(["git", "commit", "-qm", "data"], repository)
    assert mlgate(repository, "package").returncode == 0
    (bundle,) = (repository / ".mlgate" / "releases").iterdir()
    release = read_release(bundle)
    Ledger(Project(repository)).write("production", release, ledger_files(bundle), "promote(production): toy", {})
    shutil.rmtree(bundle)
    done = mlgate(repository, "ingest", "--until", "2026-04-20")
    assert done.returncode == 0, done.stderr
    for words in (["validate"], ["train"]):
        assert mlgate(repository, *words).returncode == 0
    return repository


@pytest.fixture
def project(moved_on, tmp_path):
    return copied(moved_on, tmp_path)


def champion(repository) -> dict:
    return next(check for check in report(repository, "evaluate")["checks"] if check["id"] == "champion")


def test_the_champion_comes_from_its_commit_and_the_cache_of_dvc(project, mlgate) -> None:
    done = mlgate(project, "evaluate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scored anew" in champion(project)["evidence"]
    assert not list((project / ".mlgate" / "worktrees").iterdir())


def test_without_the_cache_it_is_trained_again_and_must_be_the_very_model(project, mlgate) -> None:
    shutil.rmtree(project / ".dvc" / "cache")
    done = mlgate(project, "evaluate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scored anew" in champion(project)["evidence"]
    (bundle,) = (project / ".mlgate" / "champions").iterdir()
    (bundle / "src" / "artifacts" / "model.skops").write_bytes(b"another model")
    shutil.rmtree(project / "reports")
    done = mlgate(project, "evaluate")
    assert done.returncode != 0
    assert champion(project)["status"] == "error"


def test_other_packages_of_its_lock_are_installed_beside_todays(project, mlgate) -> None:
    shutil.rmtree(project / ".dvc" / "cache")
    lock = project / "uv.lock"
    lock.write_text(lock.read_text(encoding="utf-8") + "# another lock than the champion's\n", encoding="utf-8")
    done = mlgate(project, "evaluate")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name for path in (project / ".mlgate" / "champions" / "environments").iterdir()}
    assert {name.partition("-")[2] for name in made} == {"", "pipeline"}, "one that trains and one that scores"


def test_a_model_that_its_commit_does_not_give_again_is_no_champion(project, mlgate, run) -> None:
    shutil.rmtree(project / ".dvc" / "cache")
    ledger = Ledger(Project(project))
    release = ledger.read("production")
    other = release.model_copy(update={"model_digest": "sha256:" + "0" * 64, "version": "0" * 12})
    files = {name: ledger.file("production", name) for name in ("holdout.parquet", "model.json")}
    ledger.write("production", other, files, "promote(production): a model of elsewhere", {})
    done = mlgate(project, "evaluate")
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.search("gave another model", done.stderr.replace("\n", " "))
    assert "Traceback" not in done.stderr


def test_a_clone_without_its_commit_says_to_fetch_the_history(project, mlgate, run, tmp_path) -> None:
    ledger = Ledger(Project(project))
    release = ledger.read("production").model_copy(update={"source_commit": "0" * 40})
    files = {name: ledger.file("production", name) for name in ("holdout.parquet", "model.json")}
    ledger.write("production", release, files, "promote(production): from a commit of elsewhere", {})
    done = mlgate(project, "evaluate")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "fetch the whole history" in done.stderr.replace("\n", " ")
