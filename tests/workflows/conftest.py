"""What the workflow tests share: a runner, and one prepared repository, copied for each scenario."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sharing import made_once, of_all_workers

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "loops"))


def kept(factory: pytest.TempPathFactory) -> Path:
    """A folder for this session and all its workers; MLGATE_WORKFLOW_WORLD keeps it for the next, to write tests."""
    return Path(os.environ.get("MLGATE_WORKFLOW_WORLD") or of_all_workers(factory))


@pytest.fixture(scope="session")
def machine(program, needs, run, tmp_path_factory: pytest.TempPathFactory):
    """A runner that keeps the environments of its jobs from one scenario to the next."""
    from act import Machine

    needs("git", "bash", "tar", "curl")
    uv = shutil.which("uv")
    assert uv, "these tests need uv on the PATH: run them by `make test`"
    cache = run(["uv", "cache", "dir"], Path.cwd()).stdout.strip()
    folder = kept(tmp_path_factory) / f"runner-{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    folder.mkdir(parents=True, exist_ok=True)
    return Machine(program("act"), uv, folder, Path(cache))


@pytest.fixture(scope="session")
def world(bake, run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project, trained, packaged, in staging and production, and its bare origin: made once for all workers."""
    from small_repository import shrink
    from world import make

    return made_once(kept(tmp_path_factory) / "world", lambda folder: make(folder, bake, run, shrink))


@pytest.fixture
def scene(world: Path, machine, tmp_path: Path) -> Iterator[object]:
    """This test's own forge and clone; what GitHub's description does not allow fails the test at its end."""
    from scene import Scene

    with ExitStack() as stack:
        made = Scene.of(world, tmp_path, machine)
        stack.callback(made.forge.close)
        yield made
        assert made.forge.violations == [], "GitHub would refuse this, or never answer so"
