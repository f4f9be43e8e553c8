"""Each engine that builds images, for real, on a small release: the same layers twice, labels, user, size, push."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import containers
import pytest
from deployed import PARAMS, commit, git

from mlgate.image import build, engines, push
from mlgate.image.base import ready
from mlgate.image.labels import BENTO, OCI
from mlgate.packing.release import Release, image_digest
from mlgate.project import Project

pytestmark = pytest.mark.thorough

# What an engine is allowed beside its defaults, where the tests run in a container themselves.
CONTAINERS_CONF = '[containers]\ndefault_ulimits = []\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'


@pytest.fixture
def docker_buildx(docker: dict[str, str], program: Callable[[str], str], tmp_path: Path, monkeypatch) -> None:
    """Docker with buildx as its plugin, as on GitHub's runners."""
    (tmp_path / "docker" / "cli-plugins").mkdir(parents=True)
    (tmp_path / "docker" / "cli-plugins" / "docker-buildx").symlink_to(program("buildx"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name, value in containers.engine_of(docker).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)


@pytest.fixture
def docker_classic(docker: dict[str, str], tmp_path: Path, monkeypatch) -> None:
    """Docker without buildx, as Debian has it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nothing"))
    for name, value in containers.engine_of(docker).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def own_storage(needs: Callable[..., None], tmp_path: Path, monkeypatch) -> Iterator[None]:
    """Images of podman and buildah apart from those of this machine; a build needs neither network nor init."""
    needs("podman", "buildah")
    (tmp_path / "containers.conf").write_text(CONTAINERS_CONF)
    monkeypatch.setenv("CONTAINERS_CONF", str(tmp_path / "containers.conf"))
    # By options, which podman's own helper that clears up after a container gets too: else a run waits 20 s for it.
    short = Path(tempfile.mkdtemp(prefix="mlg"))  # podman takes up to 50 characters
    places = f'--root "{tmp_path}/graph" --runroot "{short}" --storage-driver overlay'
    (tmp_path / "bin").mkdir()
    for name in ("podman", "buildah"):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shutil.which(name)} {places} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    yield
    shutil.rmtree(short, ignore_errors=True)


@pytest.fixture(params=["docker_buildx", "docker_classic", "podman", "buildah"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> engines.Engine:
    """What `mlgate package --image` builds with, found as it finds it."""
    request.getfixturevalue(request.param if "docker" in request.param else "own_storage")
    monkeypatch.setenv(engines.CHOICE, request.param.partition("_")[0])
    found = engines.find()
    assert found.buildx == (request.param == "docker_buildx")
    return found


@pytest.fixture
def base(base_image: str, registry: str, crane_say: Callable[..., str], tmp_path: Path) -> str:
    """The base with the files that engines mount theirs over: Docker 20.10's BuildKit leaves a trace of making them."""
    with tarfile.open(tmp_path / "files.tar", "w") as archive:
        for name in ("etc/hosts", "etc/resolv.conf"):
            archive.addfile(tarfile.TarInfo(name))
    tag = f"{registry}/base:mounts"
    crane_say("append", "-b", base_image, "-f", str(tmp_path / "files.tar"), "-t", tag)
    return f"{registry}/base@{crane_say('digest', tag)}"


@pytest.fixture
def release(tmp_path: Path, base: str, registry: str, run) -> tuple[Project, Release]:
    """A packaged release with one locked library, laid out as `mlgate package` does."""
    root = tmp_path / "toy"
    (root / "src" / "model").mkdir(parents=True)
    text = f"{PARAMS}image: {{base: '{base}', repository: {registry}/built}}\n"
    (root / "params.yaml").write_text(text)
    (root / ".gitignore").write_text(".mlgate/\n")
    git(root, "init", "-q", "-b", "main")
    commit(root, "first")
    stage = root / ".mlgate" / "stage"
    source = stage / "src"
    (source / "artifacts").mkdir(parents=True)
    (source / "pyproject.toml").write_text(
        '[project]\nname = "toy"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["click>=8.1"]\n'
    )
    done = run(["uv", "lock"], source)
    assert done.returncode == 0, done.stderr
    (source / "params.yaml").write_text(text)
    (source / "service.py").write_text("ANSWER = 42\n")
    (source / "artifacts" / "model.json").write_text("{}")
    (stage / "bento.yaml").write_text("creation_time: '2026-01-02T03:04:05+00:00'\n")
    project = Project(root)
    (source / "seed").write_text(os.urandom(8).hex())  # two engines of one daemon must not find each other's image
    digest = image_digest(stage)
    found = Release(
        model="toy", version=digest[7:19], image=digest, source_commit=project.commit, model_version="7",
        data_digest="sha256:" + "d" * 64, model_digest="sha256:" + "a" * 64, holdout_digest="sha256:" + "e" * 64,
        holdout_rows=100, built="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    (stage / "release.json").write_text(found.model_dump_json())
    (stage.parent / "releases").mkdir()
    stage.rename(stage.parent / "releases" / found.hex)
    return project, found


def test_the_engine_builds_the_same_layers_twice_and_pushes_what_it_built(
    engine: engines.Engine, release: tuple[Project, Release], crane_say: Callable[..., str]
) -> None:
    project, wanted = release
    assert ready(project.params.image.base).startswith(engine.name)
    image = build.build(project, engine, wanted)
    assert image.built
    assert not build.build(project, engine, wanted).built
    assert image.libraries > 100_000
    if engine.runs:  # buildah does not say what an image weighs
        assert 1 < image.size / image.base_size < 1.1
        assert [name for _, name in build.layers(engine, image)][-2:] == ["the libraries", "the base"]
    if engine.buildx:
        engine.say("builder", "prune", "--all", "--force")  # else the second build finds the first one's layers
    same = build.twice(project, engine, wanted, image)
    assert (same.status, same.evidence[1:]) == ("pass", " layers, the same in both builds")
    assert not engine.inspect(f"{image.tag}-again")
    told = engine.python(image.tag, "import os, click, service; print(os.getuid(), service.ANSWER)")
    assert told.split() == ["10001", "42"]

    pushed = push.push(project, engine, image, wanted)
    said = json.loads(crane_say("config", pushed.container))["config"]
    assert said["User"] == "10001:10001"
    assert said["Labels"][BENTO] == wanted.image
    assert said["Labels"][f"{OCI}.revision"] == project.commit
    assert said["Labels"]["mlgate.model-version"] == "7"
    assert said["StopSignal"] == "SIGTERM"
    assert said["Entrypoint"][1:4] == ["-m", "bentoml", "serve"]
    manifest = json.loads(crane_say("manifest", pushed.container))
    assert 6 <= len(manifest["layers"]) <= 7  # one image, not an index of images
    assert push.pushed(project, wanted.model_copy(update={"container": ""})) is None
    assert push.pushed(project, pushed) == pushed
