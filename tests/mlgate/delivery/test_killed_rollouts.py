"""deploy and rollback killed at each step that starts, records or switches a copy: somebody always serves (case 18)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from knife import apart
from toy_repository import STAGING, commit_all, git, launch_toy, processes_of, toy_release

from mlgate.cli import main
from mlgate.engine.bluegreen import state_of
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project

# What a roll-out does to this machine, in the order of one: the copy starts and is recorded, is named as what should
# answer, the former is stopped. Git's part has tests of its own.
STEPS = (
    "mlgate.engine.replica.spawn",
    "mlgate.engine.records.write_atomic",
    "mlgate.ledger.land",
    "mlgate.engine.replica.stop",
    "mlgate.engine.replica.sweep",
)

pytestmark = pytest.mark.thorough


@pytest.fixture
def here(served: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as current folder; its releases are toys."""
    monkeypatch.chdir(served.root)
    monkeypatch.delenv("MLGATE_REMOTE", raising=False)
    monkeypatch.setattr("mlgate.engine.processes.launch_bento", launch_toy)
    return served


def killed(words: list[str], at: int, folder: Path) -> tuple[int, list[str]]:
    """Run a verb in a process of its own that ends itself before its first step (0), or after its `at`-th.

    How it ended, and the steps up to then.
    """
    log = folder / "steps"
    log.unlink(missing_ok=True)

    def prepare() -> None:
        patch = pytest.MonkeyPatch()
        for name in STEPS:
            patch.setattr(name, _counted(_found(name), name, at, log))

    code = apart(words, prepare)
    return code, log.read_text().split() if log.exists() else []


def _found(name: str) -> Callable[..., Any]:
    module, _, attribute = name.rpartition(".")
    return getattr(__import__(module, fromlist=[attribute]), attribute)


def _counted(real: Callable[..., Any], name: str, at: int, log: Path) -> Callable[..., Any]:
    def step(*arguments: Any, **named: Any) -> Any:
        if at == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **named)
        with log.open("a") as stream:
            stream.write(f"{name}\n")
        if log.read_text().count("\n") == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return step


def serving() -> str:
    return str(httpx.post(f"http://127.0.0.1:{STAGING}/predict", json={"rows": [{"x": 1}]}).headers["x-model-version"])


def settled(project: Project, release: Release) -> None:
    """One proxy, one copy, the release of the ledger, nothing left of others."""
    assert (Ledger(project).read("staging"), serving()) == (release, release.version)
    assert main(["status"]) == 0
    deadline = time.monotonic() + 10
    while len(processes_of(project)) != 2 and time.monotonic() < deadline:
        time.sleep(0.1)  # the proxy lets the former copy end in its own time
    assert len(processes_of(project)) == 2
    assert sorted(path.suffix for path in state_of(project, "staging").copies.iterdir()) == [".home", ".json"]
    assert git(project.root, "status", "--porcelain") == ""


def test_case_18_a_deploy_killed_at_each_step_never_stops_what_serves_and_a_rerun_ends_it(
    here: Project, tmp_path: Path
) -> None:
    former, words = toy_release(here, "0"), ["deploy", "--env", "staging"]
    assert main(words) == 0
    turn, last = 0, False
    while not last:
        commit_all(here.root, f"{turn}")
        new = toy_release(here, f"{turn + 1}")
        code, steps = killed(words, turn, tmp_path)
        last = code == 0  # it has fewer steps than that
        assert last or code == -signal.SIGKILL, (turn, steps)
        assert serving() in (former.version, new.version), (turn, steps)
        assert main(words) == 0, (turn, steps)
        settled(here, new)
        former, turn = new, turn + 1
    assert turn > 6
    assert len(Ledger(here).entries("staging")) == turn + 1  # each release once


@pytest.mark.parametrize("words", [["--env", "staging"], ["--env", "staging", "--to", "first"]])
def test_case_18_a_rollback_killed_at_each_step_is_finished_by_a_rerun_and_not_undone(
    here: Project, tmp_path: Path, words: list[str]
) -> None:
    first = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    commit_all(here.root, "b")
    second = toy_release(here, "b")
    rollback = ["rollback", *(first.version if word == "first" else word for word in words)]
    for turn in (0, 1, 3, 5):
        assert main(["deploy", "--env", "staging"]) == 0
        settled(here, second)
        code, steps = killed(rollback, turn, tmp_path)
        assert code == -signal.SIGKILL, (turn, steps)
        assert serving() in (first.version, second.version), (turn, steps)
        assert main(rollback) == 0, (turn, steps)
        settled(here, first)


def test_a_repeated_run_of_a_workflow_does_not_undo_its_own_rollback(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    first = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    commit_all(here.root, "b")
    second = toy_release(here, "b")
    assert main(["deploy", "--env", "staging"]) == 0
    for name, value in (("SERVER_URL", "https://github.com"), ("REPOSITORY", "o/r"), ("RUN_ID", "7")):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    for _ in range(2):
        assert main(["rollback", "--env", "staging"]) == 0
        assert Ledger(Project(here.root)).read("staging") == first
    monkeypatch.setenv("GITHUB_RUN_ID", "8")
    assert main(["rollback", "--env", "staging"]) == 0
    assert Ledger(Project(here.root)).read("staging") == second
