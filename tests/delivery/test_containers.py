"""The engine, the registry and the base image that other tests build on are there, and are what they say."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import containers
import httpx
import pytest
from mounts import mounted

from mlgate.engine.replica import free_port


def test_the_base_image_is_pulled_by_digest_and_runs_python(docker_say, base_image: str) -> None:
    docker_say("pull", "-q", base_image)
    said = docker_say("run", "--rm", "--network", "none", base_image, "python3", "-c", "import ssl, sqlite3; print(7)")
    assert said == "7"


def test_a_base_image_has_the_same_digest_each_time_it_is_pushed(crane: str, registry: str, base_image: str) -> None:
    again = containers.push_base(crane, f"{registry}/again")
    assert again.rpartition("@")[2] == base_image.rpartition("@")[2]


def test_a_published_port_answers_on_loopback(docker_say, base_image: str) -> None:
    port = free_port()
    serve = ["python3", "-m", "http.server", "8000"]
    name = docker_say("run", "-d", "--rm", "-p", f"127.0.0.1:{port}:8000", base_image, *serve)
    try:
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=transport, trust_env=False) as client:
            for _ in range(50):
                try:
                    assert client.get(f"http://127.0.0.1:{port}/").status_code == 200
                    break
                except httpx.TransportError:  # the proxy listens before the server behind it does
                    time.sleep(0.2)
            else:
                raise AssertionError(docker_say("logs", name))
    finally:
        docker_say("rm", "-f", name)


def test_a_daemon_makes_no_rule_in_the_firewall_of_the_machine(
    docker: dict[str, str], needs: Callable[..., None]
) -> None:
    """Such rules are in chains that each daemon makes anew when it starts, whoever publishes a port at that moment."""
    needs("iptables-save")
    bridge = Path(docker["DOCKER_HOST"].removeprefix("unix://")).with_name("bridge").read_text()
    assert bridge not in containers.quiet("iptables-save")


def test_a_base_image_whose_making_failed_leaves_nothing_mounted_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid():
        pytest.skip("mounting needs root")
    programs, temporary = tmp_path / "bin", tmp_path / "temporary"
    for folder in (programs, temporary):
        folder.mkdir()
    script = '#!/bin/sh\nmkdir "$4" "$4/proc" && mount -t tmpfs none "$4/proc" && touch "$4/proc/self" && exit 1\n'
    (programs / "debootstrap").write_text(script)
    (programs / "debootstrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr(containers, "CACHE", tmp_path / "bases")
    with pytest.raises(AssertionError, match="debootstrap"):
        containers.base_layer()
    assert mounted(temporary) == []
    assert list(temporary.iterdir()) == []
    assert not containers.kept_layer().exists()


def test_a_base_image_that_two_workers_need_at_once_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would make another one, and who pushed the first would not find it again."""
    (programs := tmp_path / "bin").mkdir()
    script = f'#!/bin/sh\necho made >> {tmp_path}/log\nsleep 0.5\nmkdir "$4" && echo $$ > "$4/file"\n'
    (programs / "debootstrap").write_text(script)
    (programs / "debootstrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(containers, "CACHE", tmp_path / "bases")
    with ThreadPoolExecutor(3) as pool:
        layers = list(pool.map(lambda _: containers.base_layer().read_bytes(), range(3)))
    assert (tmp_path / "log").read_text() == "made\n"
    assert len(set(layers)) == 1


@pytest.mark.thorough
def test_daemons_that_are_started_at_once_all_come_up(needs: Callable[..., None]) -> None:
    needs("dockerd", "ip")
    if os.geteuid():
        pytest.skip("a Docker daemon needs root")

    def once(_: int) -> bool:
        with containers.dockerd() as host:
            return containers.answers(host)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(once, range(4))) == [True] * 4
