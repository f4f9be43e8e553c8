"""`package --smoke`: a release is tried apart from any environment, and nothing of it is left, good or bad."""

from __future__ import annotations

import pytest
from toy_repository import launch_toy, processes_of, toy_release

from mlgate.engine import replica, trial
from mlgate.project import Project


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "launch_bento", launch_toy)


@pytest.mark.parametrize(
    ("fault", "red"),
    [("none", set()), ("wrong-scores", {"golden"}), ("dies-at-start", {"ready"})],
    ids=["good", "wrong", "crash"],
)
def test_a_release_is_smoked_on_a_free_port_and_stopped(served: Project, fault: str, red: set[str]) -> None:
    checks = trial.attempt(served, toy_release(served, "one", fault))
    assert {check.id for check in checks if check.status == "fail"} == red
    assert processes_of(served) == []
    assert not served.environment_state("trial").exists()
