"""A Docker daemon, a registry and a base image for tests of images and what is done with them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cluster
import containers
import pytest
from signed_toy import Toy, make_keys, make_toy

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "loops"))

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def crane_say(crane: str) -> Callable[..., str]:
    """`crane_say("manifest", ref)`: what crane prints of something in the registry."""
    return lambda *words: containers.quiet(crane, *words[:1], "--insecure", *words[1:])


@pytest.fixture(scope="session")
def docker_say(docker: dict[str, str]) -> Callable[..., str]:
    """`docker_say("images")`: what docker prints, its own words in the error where it fails."""
    return lambda *words: containers.quiet("docker", *words, environ=docker)


@pytest.fixture(scope="session")
def small_project(
    base_image: str, registry: str, bake: Callable[..., Path], mlgate: Run, run: Run, tmp_path_factory
) -> Path:
    """A small project with data and a judged model, whose params.yaml names the base; committed, not packaged."""
    from small_repository import shrink

    repository = bake(tmp_path_factory.mktemp("delivery"))
    shrink(repository)
    params = repository / "params.yaml"
    text = re.sub(r'(?m)^  base: ""', f'  base: "{base_image}"', params.read_text(encoding="utf-8"))
    params.write_text(re.sub(r'(?m)^  repository: ""', f'  repository: "{registry}/fraud"', text), encoding="utf-8")
    for command in (["ingest"], ["validate"], ["train"]):
        done = mlgate(repository, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    for words in (["add", "-A"], ["commit", "-qm", "data and model", "--no-verify"]):
        done = run(["git", *words], repository)
        assert done.returncode == 0, done.stdout + done.stderr
    return repository


@pytest.fixture(scope="session")
def closed_index() -> Iterator[str]:
    """A package index with a password in its address, which has nothing: whoever asks goes on to the next."""
    with containers.closed_index() as address:
        yield address


@pytest.fixture(scope="session")
def image_release(
    small_project: Path, docker: dict[str, str], mlgate: Run, closed_index: str, tmp_path_factory
) -> containers.ImageRelease:
    """The small project with its image built and pushed, once a session. Read it; `copied` is yours to change."""
    done = mlgate(small_project, "package", "--push", **containers.engine_of(docker), UV_INDEX=closed_index)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = small_project.glob(".mlgate/releases/[0-9a-f]*/release.json")
    return containers.ImageRelease(small_project, json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def kubectl(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """kubectl, alone in a folder."""
    path = tmp_path_factory.mktemp("kubectl") / "kubectl"
    path.symlink_to(program("cluster"))
    return str(path)


@pytest.fixture(scope="session")
def toy_service() -> Iterator[cluster.ToyService]:
    """What answers where a test forwards a pod's port."""
    with cluster.ToyService() as service:
        yield service


@pytest.fixture(scope="session")
def control_plane(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, toy_service: cluster.ToyService
) -> Iterator[cluster.Cluster]:
    """A real API server with controllers and scheduler; see cluster.py for what is played."""
    folder = tmp_path_factory.mktemp("cluster") / "state"
    with cluster.control_plane(program("cluster"), folder, toy_service.port) as running:
        yield running


@pytest.fixture(scope="session")
def keys(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two pairs of keys: ours and another's."""
    folder = tmp_path_factory.mktemp("keys")
    return make_keys(program, folder / "ours"), make_keys(program, folder / "other")


@pytest.fixture
def toy(
    tmp_path: Path,
    registry: str,
    keys: tuple[Path, Path],
    crane: str,
    program: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Toy:
    """A repository of its own, whose images are in a place of their own."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "MLGATE_STATE", "MLGATE_ENGINE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "Ada Tester")
        monkeypatch.setenv(f"{name}_EMAIL", "ada@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("MLGATE_COSIGN", program("cosign"))
    monkeypatch.setenv("MLGATE_COSIGN_KEY", str(keys[0] / "cosign.key"))
    monkeypatch.setenv("COSIGN_PASSWORD", "of a test")
    monkeypatch.setenv("TMPDIR_OF_TEST", str(tmp_path))
    return make_toy(tmp_path / "toy", f"{registry}/{tmp_path.name.lower().replace('_', '-')}/toy", keys[0], crane)
