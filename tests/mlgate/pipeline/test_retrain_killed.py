"""`retrain` killed at any moment leaves all as it was, and running it again gives the branch (case 18)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from knife import between_stages, forge, seen
from small_world import commit, tree

from mlgate.engine.pids import marked
from mlgate.project import Project
from mlgate.worktree import MARK, worktree

pytestmark = pytest.mark.thorough

Call = Callable[..., tuple[int, str]]
WORDS = ("retrain", "--until", "2026-04-04")
BRANCH = "refs/heads/mlgate/retrain"
# Each kill meets what the former has left: of a whole session, as an empty battery does it, of single processes, as the
# kernel does it where memory is short, and inside a Git that holds a lock.
SPREAD = [
    ("inside worktree add", "session"),
    ("begin train-before", "leader"),
    ("end train-after", "parent"),
    ("inside update-ref", "session"),
]


class Watched:
    """A repository whose Git and whose stages meet the knife."""

    def __init__(self, root: Path, environ: dict[str, str], knife: dict[str, str]) -> None:
        self.root, self.environ = root, environ | knife | {"PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
        self.folder = Path(knife["KNIFE"])
        between_stages(root / "dvc.yaml")

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def retrain(self, at: str = "never", takes: str = "session") -> tuple[int, list[str]]:
        """How a `retrain` ended that is killed there, and the Gits and stages up to then."""
        seen(self.folder)
        command = [sys.executable, "-m", "mlgate", *WORDS]
        environ = self.environ | {"KNIFE_AT": at, "KNIFE_TAKES": takes}
        quiet = subprocess.DEVNULL
        running = subprocess.Popen(
            command, cwd=self.root, env=environ, stdout=quiet, stderr=quiet, start_new_session=True
        )
        return running.wait(300), seen(self.folder)

    def untouched(self) -> tuple[object, ...]:
        """What no `retrain` may change, killed or not: files, what Git says of them, every branch but its own."""
        refs = [line for line in self.git("for-each-ref").splitlines() if not line.endswith(BRANCH)]
        return tree(self.root), self.git("status", "--porcelain"), refs

    def left(self) -> list[str]:
        """What a run has left behind that it should not have."""
        git = self.root / ".git"
        found = [path for pattern in ("*.lock", "worktrees/*") for path in git.rglob(pattern)]
        found += (self.root / ".mlgate" / "worktrees").iterdir()
        alive = [f"process {p.pid}" for p, mark in marked(MARK) if mark.startswith(str(self.root))]
        return [*map(str, found), *alive]


@pytest.fixture
def watched(project: Path, environ: dict[str, str], tmp_path: Path, run: Callable[..., object]) -> Iterator[Watched]:
    repository = Watched(project, environ, forge(tmp_path / "knife"))
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "-q"], cwd=project, env=repository.environ, check=True, timeout=300
    )
    commit(project, run, "stages that can be killed")
    repository.git("update-ref", "refs/heads/env/staging", "HEAD")
    yield repository
    for process, mark in marked(MARK):
        if mark.startswith(str(project)):
            process.kill()


def mended(repository: Watched, before: tuple[object, ...]) -> str:
    """Run it again: all is well, and the branch has this tree."""
    code, gits = repository.retrain()
    assert (code, repository.untouched() == before, repository.left()) == (0, True, []), gits
    assert repository.git("rev-parse", f"{BRANCH}^") == repository.git("rev-parse", "main")
    changed = repository.git("diff", "--name-only", "main", BRANCH).split()
    assert changed == ["data/raw.parquet", "data/snapshot.json", "data/split.json", "dvc.lock"]
    assert repository.git("fsck", "--strict", "--no-dangling") == ""
    return repository.git("rev-parse", f"{BRANCH}^{{tree}}")


def kill_inside(repository: Watched, deed: str) -> None:
    """Let the next Git that does this end everybody: a filter runs in a checkout, a hook while a branch is locked."""
    hooks = repository.root / ".git" / "knife"
    hooks.mkdir(exist_ok=True)
    script = hooks / ("smudge" if deed == "worktree add" else "reference-transaction")
    end = f"grep -q 'mlgate/retrain\\|project:' && rm {script} && kill -9 0"
    script.write_text(f'#!/bin/sh\n[ "$1" = preparing ] || {{ {end}; }}\nexit 0\n')
    script.chmod(0o755)
    if deed == "worktree add":
        (repository.root / ".git" / "info" / "attributes").write_text("params.yaml filter=knife\n")
        repository.git("config", "filter.knife.smudge", f"test ! -e {script} || {script}; cat")
    repository.git("config", "core.hooksPath", str(hooks))


def test_case_18_retrain_killed_anywhere_touches_nothing_and_a_rerun_makes_the_branch(watched: Watched) -> None:
    before = watched.untouched()
    for at, takes in SPREAD:
        inside = at.partition("inside ")[2]
        if inside:
            kill_inside(watched, inside)
        code, gits = watched.retrain(at, takes)
        assert code in ((1, 3) if takes == "parent" else (-signal.SIGKILL,)), (at, takes, gits)
        assert watched.untouched() == before, (at, takes)
        assert not inside or any(path.endswith((".lock", "retrain")) for path in watched.left()), "no lock was left"
    mended(watched, before)


def test_case_18_who_outlives_a_killed_run_is_ended_before_the_next_works_there_and_another_run_waited_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLGATE_STATE", raising=False)
    here = Project(project)
    folders = [project / ".mlgate" / "worktrees" / name for name in ("retrain", "champion")]
    orphan, other = (subprocess.Popen(["sleep", "300"], env=os.environ | {MARK: str(folder)}) for folder in folders)
    done: list[str] = []

    def second() -> None:
        with worktree(here, "retrain"):
            done.append("second")

    try:
        with worktree(here, "retrain") as copy:
            orphan.wait(5)
            assert other.poll() is None
            waiting = threading.Thread(target=second)
            waiting.start()
            waiting.join(1)
            assert (copy.root / "params.yaml").is_file()
            done.append("first")
        waiting.join(60)
    finally:
        for process in (orphan, other):
            process.kill()
            process.wait()
    assert done == ["first", "second"]


@pytest.mark.parametrize("takes", ["session", "leader"])
@pytest.mark.skipif(not os.environ.get("MLGATE_KILL_EVERYWHERE"), reason="too long: MLGATE_KILL_EVERYWHERE=1 runs it")
def test_case_18_retrain_killed_before_each_git_and_stage_of_each_process(watched: Watched, takes: str) -> None:
    before = watched.untouched()
    code, gits = watched.retrain()
    assert code == 0, gits
    tree = mended(watched, before)  # with the branch there, as from now on
    code, gits = watched.retrain()
    turns = [n for n, line in enumerate(gits, 1) if takes == "session" or line.startswith(("begin ", "end "))]
    for at in [*(f"{turn}-before" for turn in turns), f"{len(gits)}-after"]:
        code, said = watched.retrain(at, takes)
        print(takes, at, said[-1:], "->", code, flush=True)
        assert (code, watched.untouched() == before) == (-signal.SIGKILL, True), (at, said)
    assert mended(watched, before) == tree
