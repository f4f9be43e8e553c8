"""Fixtures of what images need, started where a test asks for them: a Docker daemon, a registry, a base image."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "delivery"))

import containers


@pytest.fixture(scope="session")
def crane(program: Callable[[str], str]) -> str:
    return program("crane")


@pytest.fixture(scope="session")
def docker(needs: Callable[..., None], environ: dict[str, str]) -> Iterator[dict[str, str]]:
    """`environ` with a DOCKER_HOST: a daemon of our own as root, else the one that this user may talk to."""
    needs("docker")
    if os.geteuid() == 0:
        needs("dockerd", "ip")
        with containers.dockerd() as host:
            yield environ | {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}
    elif subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        yield environ
    else:
        pytest.skip("no Docker daemon that this user may talk to, and no root to start one")


@pytest.fixture(scope="session")
def registry(crane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of an empty registry on loopback, without TLS or login."""
    with containers.registry(crane, tmp_path_factory.mktemp("registry") / "blobs") as address:
        yield address


@pytest.fixture(scope="session")
def base_image(crane: str, registry: str, needs: Callable[..., None]) -> str:
    """REPOSITORY@sha256:… of a small Debian with Python 3.11, in the registry."""
    if not containers.kept_layer().is_file():
        needs("debootstrap")
        if os.geteuid() != 0:
            pytest.skip("a base image is made by debootstrap, which needs root")
    return containers.push_base(crane, f"{registry}/base")
