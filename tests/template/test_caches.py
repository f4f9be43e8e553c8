"""What the tools keep for a user between runs: it is found again, and goes when no checkout asks for it any more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import caches
import pytest

ROOT = Path(__file__).resolve().parents[2]
TINY = '[project]\nname = "tiny"\nversion = "0"\nrequires-python = ">=3.11"\n'
MAIN = "package main\n\nfunc main() { println(7) }\n"


def tiny(folder: Path, run: Callable[..., subprocess.CompletedProcess[str]]) -> Path:
    """A checkout with `tools/run` and a project that needs nothing."""
    (folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "run", folder / "tools")
    (folder / "pyproject.toml").write_text(TINY)
    done = run(["uv", "lock", "--offline", "--project", str(folder)], folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_environment_of_a_checkout_that_is_gone_goes_when_another_one_begins(run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    def python(checkout: Path) -> str:
        words = [checkout / "tools" / "run", "python", "-c", "import sys; print(sys.prefix)"]
        done = run(words, tmp_path, XDG_CACHE_HOME=str(cache), UV_PYTHON=sys.executable)
        assert done.returncode == 0, done.stderr
        return str(done.stdout).strip()

    first, other, last = (tiny(tmp_path / name, run) for name in ("first one", "other", "last"))
    gone, kept = Path(python(first)), Path(python(other))
    assert cache in gone.parents
    shutil.rmtree(first)
    assert python(other) == str(kept)
    python(last)
    assert not gone.parent.exists()
    assert kept.is_dir()
    assert len(list((cache / "mlgate").iterdir())) == 2


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sets `old`, `asked` and `new`, and one checkout, which asks for `asked`."""
    monkeypatch.setattr(caches, "CACHE", tmp_path / "cache")
    kind, before = tmp_path / "cache" / "programs", time.time() - caches.KEPT_SECONDS - 60
    for name in ("old", "asked", "new"):
        (kind / name / "deep").mkdir(parents=True)
        if name != "new":
            os.utime(kind / name, (before, before))
    for name in ("here", "gone"):
        (tmp_path / "cache" / name).mkdir()
        (tmp_path / "cache" / name / "checkout").write_text(f"{tmp_path / name}\n")
    (tmp_path / "here" / "tools").mkdir(parents=True)
    (tmp_path / "here" / "tools" / "pins").write_text("asked")
    return kind


def pins(tools: Path) -> set[str]:
    return {(tools / "pins").read_text()}


def test_a_set_that_no_checkout_asks_for_goes_a_day_after_its_last_use(kind: Path) -> None:
    caches.sweep(kind, pins)
    assert {path.name for path in kind.iterdir()} == {"asked", "new"}


def test_what_a_killed_sweep_left_goes_with_the_next(kind: Path) -> None:
    (kind / "old").rename(kind / ".gone.old")
    caches.sweep(kind, pins)
    assert {path.name for path in kind.iterdir()} == {"asked", "new"}


def test_go_builds_in_a_cache_that_its_programs_share_and_that_goes_with_the_last_builder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "CACHE", tmp_path / "cache")
    for name in ("GOCACHE", "GOMODCACHE"):
        monkeypatch.delenv(name, raising=False)
    with caches.building() as outer:
        with caches.building() as inner:
            assert inner == outer
            Path(inner["GOMODCACHE"]).mkdir(parents=True)
        assert Path(outer["GOMODCACHE"]).is_dir(), "another one builds"
    assert not (tmp_path / "cache" / "building").exists()
    monkeypatch.setenv("GOCACHE", "/chosen")
    with caches.building() as chosen:
        assert chosen["GOCACHE"] == "/chosen"


@pytest.mark.thorough
def test_a_program_is_built_once_and_of_its_building_nothing_is_left(
    needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import programs

    needs("go")
    own = tmp_path / "tools" / "seven"
    own.mkdir(parents=True)
    (own / "go.mod").write_text("module example.org/seven\n\ngo 1.21\n")
    (own / "go.sum").touch()
    (own / "main.go").write_text(MAIN)
    (own.parent / "go.mod").write_text("module example.org/tools\n\ngo 1.21\n\ntool (\n\texample.org/none\n)\n")
    (own.parent / "go.sum").touch()
    for name in ("GOCACHE", "GOMODCACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(caches, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(programs, "PROGRAMS", tmp_path / "cache" / "programs")
    monkeypatch.setattr(programs, "MODULE", own.parent)
    built = programs.program("seven")
    said = subprocess.run([built], capture_output=True, text=True, check=True)
    assert said.stderr.strip() == "7"
    before = built.stat()
    assert programs.program("seven").stat().st_ino == before.st_ino
    assert not (tmp_path / "cache" / "building").exists()
    (tmp_path / "cache" / "here").mkdir()
    (tmp_path / "cache" / "here" / "checkout").write_text(f"{tmp_path}\n")
    for changed in (False, True):  # the checkout's pins, then others
        if changed:
            (own / "go.sum").write_text("\n")
        os.utime(built.parent, (0, 0))
        caches.sweep(built.parents[1], programs.wanted)
        assert built.exists() is not changed
    caches_of_go = [path for path in (tmp_path / "home").rglob("*") if path.name in ("go-build", "mod")]
    assert caches_of_go == []
