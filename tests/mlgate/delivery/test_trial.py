"""`package --smoke`: a release is tried apart from any environment, and nothing of it is left, good or bad."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from toy_repository import launch_toy, processes_of, toy_release

from mlgate.engine import replica, trial
from mlgate.errors import InfraError
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


def test_a_copy_gets_a_port_that_the_system_gives_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the system's own went to a socket of BentoML before the copy that it was meant for had it."""
    given_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = replica.free_ports(100)
    assert max(found) < given_out
    assert len(set(found)) == 100
    monkeypatch.setattr(replica, "PORTS", range(found[0], found[0] + 1))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", found[0]))
        with pytest.raises(InfraError, match="no port is free"):
            replica.free_port()
    assert replica.free_port() == found[0]
