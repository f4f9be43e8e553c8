"""DVC is let near this repository's files only: no symlink leads out, no cache is shared, no push is believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlgate.errors import ConfigError, InfraError
from mlgate.project import Project
from mlgate.versions import store


@pytest.mark.parametrize("name", ["models", "data/raw.parquet", "data"])
def test_case_7_an_output_that_is_a_symlink_is_refused_before_a_pull(newborn: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("as it was")
    path = newborn / name
    shutil.rmtree(path, ignore_errors=True)
    path.symlink_to(outside)
    with pytest.raises(ConfigError, match="is a symlink"):
        store.pull(Project(newborn))
    assert [entry.name for entry in outside.iterdir()] == ["precious"]


def test_case_7_a_symlink_inside_an_output_is_refused(newborn: Path, tmp_path: Path) -> None:
    (newborn / "models").mkdir()
    (newborn / "models" / "model.skops").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"model\.skops is a symlink"):
        store.pull(Project(newborn))


def test_an_output_that_climbs_out_is_refused(newborn: Path) -> None:
    path = newborn / "dvc.yaml"
    path.write_text(path.read_text().replace("- models:", "- ../models:"))
    with pytest.raises(ConfigError, match="outside the repository"):
        store.pull(Project(newborn))


def test_case_8_the_cache_is_private_and_never_someone_elses(newborn: Path) -> None:
    (newborn / ".dvc" / "cache").mkdir(mode=0o777)
    store.private_cache(Project(newborn))
    assert {(newborn / ".dvc" / name).stat().st_mode & 0o777 for name in ("cache", "tmp")} == {0o700}
    (newborn / ".dvc" / "cache").rmdir()
    (newborn / ".dvc" / "cache").symlink_to("/tmp")
    with pytest.raises(ConfigError, match="belongs to someone else"):
        store.private_cache(Project(newborn))


def test_a_push_counts_only_when_the_remote_has_every_file(
    project: Path, run: Callable[..., Any], tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    done = run(["dvc", "remote", "add", "-d", "folder", str(remote)], project)
    assert done.returncode == 0, done.stderr
    store.push(Project(project))
    kept = [path for path in remote.rglob("*") if path.is_file()]
    assert kept
    shutil.rmtree(remote)
    shutil.rmtree(project / ".dvc" / "cache")
    shutil.rmtree(project / "models")
    with pytest.raises(InfraError):
        store.push(Project(project))


@pytest.mark.parametrize("verb", ["pull", "push"])
def test_without_a_remote_there_is_nothing_to_move_and_that_is_said(newborn: Path, mlgate: Any, verb: str) -> None:
    done = mlgate(newborn, verb)
    assert done.returncode == 0, done.stderr
    (check,) = json.loads((newborn / "reports" / f"{verb}.json").read_bytes())["checks"]
    assert check["status"] == "skip"
    assert "no DVC remote" in check["evidence"]


def test_what_was_pushed_is_pulled_into_another_checkout(
    project: Path, run: Callable[..., Any], mlgate: Any, tmp_path: Path
) -> None:
    done = run(["dvc", "remote", "add", "-d", "folder", str(tmp_path / "remote")], project)
    assert done.returncode == 0, done.stderr
    done = mlgate(project, "push")
    assert done.returncode == 0, done.stdout + done.stderr
    model = (project / "models" / "model.json").read_bytes()
    shutil.rmtree(project / ".dvc" / "cache")
    shutil.rmtree(project / "models")
    done = mlgate(project, "pull")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "models" / "model.json").read_bytes() == model
    shutil.rmtree(tmp_path / "remote")
    shutil.rmtree(project / ".dvc" / "cache")
    shutil.rmtree(project / "models")
    done = mlgate(project, "pull")
    assert done.returncode == 3
    assert "models" in done.stderr, "which file the remote lacks"
    assert "Traceback" not in done.stderr
