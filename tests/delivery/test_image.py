"""The image of a release: what is in it, what it says of itself, how it runs and ends, and what happens without."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import containers
import httpx
import pytest
from containers import engine_of

from mlgate.errors import ConfigError, InfraError, MlgateError
from mlgate.image import build, engines, inside, look_inside, push, trial, verdicts
from mlgate.image.base import Base, _platform, look
from mlgate.image.compare import differences
from mlgate.image.labels import source
from mlgate.image.wheels import environment, install
from mlgate.ledger import Ledger
from mlgate.packing.release import Release, read_release
from mlgate.project import Project

HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
CHECKS = {
    f"image-{name}" for name in ("ready", "version", "golden", "contract", "latency", "content", "user", "stop", "size")
}


@pytest.fixture
def started(docker_say, image_release) -> Iterator[Callable[..., str]]:
    """`started(option, ...)`: a container of the image; removed after the test."""
    names = []

    def _start(*options: str) -> str:
        names.append(docker_say("run", "-d", *HARDENED, *options, image_release.tag))
        return names[-1]

    yield _start
    for name in names:
        docker_say("rm", "--force", "--volumes", name)


def test_the_image_carries_what_the_release_record_says(image_release, docker_say, crane_say, run) -> None:
    record, folder = image_release.record, image_release.repository
    said = json.loads(crane_say("config", image_release.container))["config"]
    labels = said["Labels"]
    oci = "org.opencontainers.image"
    assert labels[f"{oci}.revision"] == record["source_commit"]
    assert labels[f"{oci}.version"] == record["version"]
    assert labels["mlgate.bento-digest"] == record["image"]
    assert labels["mlgate.data-digest"] == record["data_digest"]
    assert labels["mlgate.model-digest"] == record["model_digest"]
    assert labels["mlgate.model-version"] == record["model_version"] != ""
    assert re.fullmatch("sha256:[0-9a-f]{64}", labels["mlgate.metrics-digest"])
    assert labels[f"{oci}.created"] == run(["git", "show", "-s", "--format=%cI"], folder).stdout.strip()
    assert f"{labels[f'{oci}.base.name']}@{labels[f'{oci}.base.digest']}" in (folder / "params.yaml").read_text()
    assert (said["User"], said["StopSignal"], said["Entrypoint"][1:4]) == (
        "10001:10001", "SIGTERM", ["-m", "bentoml", "serve"],
    )  # fmt: skip


def test_tried_as_production_runs_it_the_image_passes_every_check(image_release, mlgate, docker, tmp_path) -> None:
    repository = image_release.copied(tmp_path)
    done = mlgate(repository, "package", "--try", **engine_of(docker))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((repository / "reports" / "package.json").read_text())
    checks = {check["id"]: check for check in report["checks"]}
    assert {name for name in checks if name.startswith("image-")} == CHECKS
    assert {name: checks[name]["evidence"] for name in CHECKS if checks[name]["status"] != "pass"} == {}
    assert checks["image-size"]["observed"] < 1.35
    assert any("the libraries" in note for note in report["notes"])


def test_the_same_commit_is_neither_built_nor_pushed_again(image_release, mlgate, tmp_path) -> None:
    repository = image_release.copied(tmp_path)
    done = mlgate(repository, "package", "--push", DOCKER_HOST="unix:///nowhere", MLGATE_IMAGE_ENGINE="docker")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in the registry already" in done.stdout
    (path,) = repository.glob(".mlgate/releases/*/release.json")
    assert json.loads(path.read_text()) == image_release.record


def test_a_built_image_is_found_again_and_not_built_twice(image_release, mlgate, docker, docker_say, tmp_path) -> None:
    before = docker_say("image", "inspect", "-f", "{{.Id}} {{.Created}}", image_release.tag)
    done = mlgate(image_release.copied(tmp_path), "package", "--image", **engine_of(docker))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is there already" in done.stdout
    assert docker_say("image", "inspect", "-f", "{{.Id}} {{.Created}}", image_release.tag) == before


def test_the_image_serves_without_any_network(started, docker_say) -> None:
    name = started("--network", "none")
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:3000/readyz', timeout=5).status)"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            assert docker_say("exec", name, "python3", "-c", ask) == "200"
            return
        except AssertionError:
            time.sleep(0.5)
    pytest.fail(docker_say("logs", name))


def test_case_30_sigterm_under_load_loses_no_request_to_the_image(started, docker_say, image_release) -> None:
    name = started()
    address = docker_say("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
    url = f"http://{address}:3000"
    golden = next(image_release.repository.glob(".mlgate/releases/*/src/artifacts/golden.json"))
    rows = json.loads(golden.read_text())["rows"]
    wait_ready(url)
    answered, lost, ended = [], [], threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
                    answer = client.post("/predict", json={"rows": rows})
                answered.append(answer.status_code)
                if answer.headers.get("connection") == "close":
                    return  # as a balancer does: it was told to go elsewhere
            except httpx.HTTPError as error:
                lost.append(repr(error))
                return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(answered) < 50:
        time.sleep(0.01)
    docker_say("stop", "--time", "30", name)
    ended.set()
    for thread in threads:
        thread.join(30)
    assert lost == []
    assert set(answered) == {200}
    assert docker_say("inspect", "-f", "{{.State.ExitCode}}", name) == "0"


def wait_ready(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail(f"{url} was not ready")


def test_case_23_the_login_of_a_package_index_is_nowhere_in_the_image(image_release, docker_say, crane_say) -> None:
    words = [containers.INDEX_SECRET, containers.INDEX_USER]
    assert not any(word in crane_say("config", image_release.container) for word in words)
    found = docker_say(
        "run", "--rm", "--network", "none", "-u", "0", "--entrypoint", "sh", image_release.tag,
        "-c", f"grep -rlE '{'|'.join(words)}' /mlgate /root /tmp; test $? -eq 1 && echo none",
    )  # fmt: skip
    assert found == "none"


@pytest.fixture
def mine(image_release, docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository, to spoil; this process builds with the tests' daemon."""
    for name, value in engine_of(docker).items():
        monkeypatch.setenv(name, value)
    return image_release.copied(tmp_path)


def released(repository: Path) -> Release:
    (folder,) = repository.glob(".mlgate/releases/[0-9a-f]*")
    return read_release(folder)


@pytest.mark.parametrize(
    ("base", "error", "words"),
    [
        ("", ConfigError, "image.base is empty"),
        ("python:3.12-slim", ConfigError, "image.base"),
        ("{registry}/base@sha256:" + "0" * 64, ConfigError, "has no image"),
        ("127.0.0.1:9/base@sha256:" + "0" * 64, InfraError, "127.0.0.1:9 failed"),
    ],
    ids=["none", "a tag", "an unknown digest", "a registry that is gone"],
)
def test_a_base_that_cannot_be_used_is_refused_with_the_way_to_one(
    mine: Path, registry: str, base: str, error: type[MlgateError], words: str
) -> None:
    params = mine / "params.yaml"
    wanted = base.format(registry=registry)
    params.write_text(re.sub(r"(?m)^  base: .*", f'  base: "{wanted}"', params.read_text()))
    with pytest.raises(error, match=words) as refused:
        build.build(Project(mine), engines.find(), released(mine))
    assert refused.value.mend
    assert error is InfraError or ":" in base or "imagetools inspect" in refused.value.mend
    assert list(mine.glob(".mlgate/.package.*")) == []


def test_a_base_without_python_is_refused(mine: Path, docker_say) -> None:
    with pytest.raises(ConfigError, match="there is no python3"):
        look(Absent("docker"), next(iter(re.findall(r'base: "(.+)"', (mine / "params.yaml").read_text()))))


class Absent(engines.Engine):
    """The real engine, asked for a program that no base has."""

    def python(self, image: str, script: str) -> str:
        return self.say("run", "--rm", "--network", "none", "--entrypoint", "python9", image, "-c", script)


def test_without_an_engine_the_message_names_those_that_were_asked(image_release, mlgate, environ, tmp_path) -> None:
    repository = image_release.copied(tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("git", "uv", "python3"):
        (tools / name).symlink_to(shutil.which(name, path=environ["PATH"]))
    done = mlgate(repository, "package", "--image", PATH=str(tools))
    assert done.returncode == 3, done.stdout + done.stderr
    for name in ("docker", "podman", "buildah"):
        assert f"{name} is not installed" in done.stderr
    assert "docs/images.md" in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (
            {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_NO_CACHE": "1", "UV_HTTP_RETRIES": "0"},
            "libraries can't",
        ),
        ({"MLGATE_IMAGE_NETWORK": "no-such-network"}, "no-such-network"),
    ],
    ids=["no package index", "a step of the build fails"],
)
def test_a_build_that_fails_half_way_leaves_nothing(
    mine: Path, docker_say, monkeypatch: pytest.MonkeyPatch, trouble: dict[str, str], words: str
) -> None:
    for name, value in trouble.items():
        monkeypatch.setenv(name, value)
    before = docker_say("ps", "-aq"), docker_say("images", "-q", "--filter", "reference=mlgate-*")
    with pytest.raises(InfraError, match=words):
        build.build(Project(mine), engines.find(), released(mine), fresh=True, tag="mlgate-broken:x")
    assert (docker_say("ps", "-aq"), docker_say("images", "-q", "--filter", "reference=mlgate-*")) == before
    assert list(mine.glob(".mlgate/.package.*")) == []


def test_a_release_that_was_changed_becomes_no_image(mine: Path) -> None:
    (folder,) = mine.glob(".mlgate/releases/[0-9a-f]*")
    (folder / "src" / "params.yaml").write_text("other: 1")
    with pytest.raises(InfraError, match="not those that were built"):
        build.build(Project(mine), engines.find(), released(mine))


def test_an_image_that_somebody_else_pushed_to_our_tag_is_not_taken_for_ours(
    mine: Path, crane_say, monkeypatch
) -> None:
    engine, project, release = engines.find(), Project(mine), released(mine)
    image = build.build(project, engine, release)
    target = push.repository(project)

    def overtaken(self: engines.Engine, image: str, tag: str, loopback: bool) -> None:
        crane_say("copy", f"{target.registry}/base:latest", tag)

    monkeypatch.setattr(engines.Engine, "push", overtaken)
    with pytest.raises(InfraError, match="not the image that was pushed"):
        push.push(project, engine, image, release)


@pytest.mark.parametrize(
    ("name", "words"), [("", "no repository"), ("ghcr.io/a/b:v1", "has a tag"), ("-rf", "names no")]
)
def test_a_repository_that_is_none_is_refused(
    mine: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    params = mine / "params.yaml"
    params.write_text(re.sub(r"(?m)^  repository: .*", f'  repository: "{name}"', params.read_text()))
    with pytest.raises(ConfigError, match=words):
        push.repository(Project(mine))


def test_the_image_of_a_release_that_an_environment_names_is_found_without_its_record(mine: Path, run) -> None:
    """As on a fresh runner: the Bento is the same, and Git says which image it has."""
    project, release = Project(mine), released(mine)
    Ledger(project).write("staging", release, {}, "deploy(staging): it", {})
    forgotten = release.model_copy(update={"container": ""})
    found = push.pushed(project, forgotten)
    assert found is not None
    assert found.container == release.container


def test_installers_of_a_base_are_taken_away_and_its_library_compiled(docker_say, base_image: str) -> None:
    """python:slim brings pip, and no bytecode: without it each start on a read-only root would compile it anew."""
    script = Path(inside.__file__).read_text(encoding="utf-8")
    setup = (
        "import os, pathlib, shutil, subprocess, sys\n"
        "lib = pathlib.Path(os.__file__).parent; shutil.rmtree(lib / 'json' / '__pycache__')\n"
        "pip = pathlib.Path('/usr/lib/python3/dist-packages/pip'); pip.mkdir(); (pip / '__init__.py').touch()\n"
        "pathlib.Path('/usr/bin/pip3').touch(); pathlib.Path('/mlgate').mkdir()\n"
        "pathlib.Path('/mlgate/a.py').write_text('x = 1')\n"
        "subprocess.run([sys.executable, '-B', '-c', sys.argv[1], '/mlgate', '1000', '/mlgate/state'], check=True)\n"
        "print(pip.exists(), pathlib.Path('/usr/bin/pip3').exists(), (lib / 'json' / '__pycache__').is_dir())\n"
        "print({path.name: int(path.stat().st_mtime) for path in sorted(pathlib.Path('/mlgate').glob('*'))})\n"
        "print(os.stat('/mlgate/state').st_uid, int(os.stat(os.__file__).st_mtime) > 1000)\n"
    )
    said = docker_say("run", "--rm", "--network", "none", base_image, "python3", "-c", setup, script).splitlines()
    assert said == ["False False True", "{'__pycache__': 1000, 'a.py': 1000, 'state': 1000}", "10001 True"]


def test_what_does_not_belong_into_an_image_is_found_there(tmp_path: Path) -> None:
    for name in ("bin/x86_64-linux-gnu-gcc-12", "bin/pip3.11", "bin/python3", "root/bento/src/model/test_model.py",
                 "root/bento/tests/rows.csv", "root/bento/src/artifacts/holdout.parquet"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    command = [sys.executable, look_inside.__file__, str(tmp_path / "root")]
    done = subprocess.run(command, env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    found = {kind: {Path(path).name for path in paths} for kind, paths in said["found"].items()}
    assert found["compilers"] == {"x86_64-linux-gnu-gcc-12"}
    assert "pip3.11" in found["installers"]
    assert found["tests"] == {"test_model.py", "rows.csv"}
    assert found["data"] == {"rows.csv"}
    assert (verdicts.content(said["found"]).status, verdicts.user(said["who"]).status) == ("fail", "fail")


@pytest.mark.parametrize(
    ("options", "kept"),
    [(HARDENED, []), (("--tmpfs", "/tmp"), ["/"]), ((*HARDENED, "--volume", "/data"), ["/data"])],
    ids=["read-only but for /tmp", "not read-only", "a volume, as a base may declare"],
)
def test_what_a_container_lets_be_written_is_told_though_its_user_may_not(
    docker_say, base_image: str, options: tuple[str, ...], kept: list[str]
) -> None:
    script, user = Path(look_inside.__file__).read_text(encoding="utf-8"), ("--user", "10001:10001")
    words = ("run", "--rm", "--network", "none", *user, *options, base_image, "python3", "-c", script, "/usr/lib")
    who = json.loads(docker_say(*words))["who"]
    assert (who["writable"], who["kept"]) == ([], kept)


def test_tried_by_an_engine_that_leaves_its_root_open_the_image_is_red(mine: Path, monkeypatch) -> None:
    engine, project, release = engines.find(), Project(mine), released(mine)
    image = build.build(project, engine, release)
    monkeypatch.setattr(trial, "HARDENED", tuple(word for word in trial.HARDENED if word != "--read-only"))
    folder = project.state / "releases" / release.hex
    checks = {check.id: check for check in trial.attempt(engine, image, folder, project.params.image)}
    assert {name for name, check in checks.items() if check.status != "pass"} == {"image-user"}
    assert "is not read-only at ['/']" in checks["image-user"].evidence


@pytest.mark.parametrize(
    ("remote", "link"),
    [
        ("https://ada:s3cret@github.com/ada/fraud.git", "https://github.com/ada/fraud"),
        ("git@github.com:ada/fraud.git", "https://github.com/ada/fraud"),
        ("ssh://git@git.example.org:2222/ada/fraud", "https://git.example.org/ada/fraud"),
        ("/srv/git/fraud.git", ""),
        ("", ""),
    ],
)
def test_the_link_to_the_source_holds_no_login(run, tmp_path: Path, remote: str, link: str) -> None:
    run(["git", "init", "-q"], tmp_path)
    if remote:
        run(["git", "remote", "add", "origin", remote], tmp_path)
    assert source(Project(tmp_path)) == link


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"PIP_INDEX_URL": "https://a/simple"}, {"UV_DEFAULT_INDEX": "https://a/simple"}),
        (
            {"PIP_INDEX_URL": "https://a/simple", "UV_INDEX_URL": "https://b/simple"},
            {"UV_INDEX_URL": "https://b/simple"},
        ),
        ({"PIP_CERT": "/ca.pem"}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({"PIP_CERT": "/ca.pem", "SSL_CERT_FILE": "/b.pem"}, {"SSL_CERT_FILE": "/b.pem"}),
    ],
)
def test_what_pip_is_told_of_an_index_holds_for_uv_unless_uv_is_told_otherwise(given, wanted) -> None:
    found = environment(given)
    assert {name: value for name, value in found.items() if not name.startswith("PIP_")} == wanted


@pytest.mark.parametrize(
    ("said", "platform"),
    [
        ({"machine": "x86_64", "glibc": "2.36", "musl": False}, "x86_64-manylinux_2_36"),
        ({"machine": "arm64", "glibc": "2.41", "musl": False}, "aarch64-manylinux_2_40"),
        ({"machine": "x86_64", "glibc": "2.29", "musl": False}, "x86_64-manylinux_2_28"),
        ({"machine": "x86_64", "glibc": "", "musl": True}, "x86_64-unknown-linux-musl"),
    ],
)
def test_wheels_are_those_of_the_bases_platform(said: dict, platform: str) -> None:
    assert _platform(said) == platform


@pytest.mark.parametrize("said", [{"machine": "s390x", "glibc": "2.36"}, {"machine": "x86_64", "glibc": "2.5"}])
def test_a_platform_without_wheels_is_refused(said: dict) -> None:
    with pytest.raises(ConfigError, match="the base"):
        _platform({**said, "musl": False})


def test_the_layers_that_differ_between_two_builds_are_named() -> None:
    one = [f"sha256:{digit * 64}" for digit in "123"]
    assert differences(one, one) == []
    assert [words.partition(":")[0] for words in differences(one, [one[0], one[2], one[2]])] == ["layer 2 of 3"]
    assert differences(one, one[:2]) == ["3 and 2 layers"]
    assert differences([], [])


HERE = Base("base@sha256:" + "0" * 64, sys.executable, "3.11", "x86_64-manylinux_2_36", 1)


def test_without_internet_the_libraries_come_from_uvs_cache(mine: Path, tmp_path: Path, monkeypatch) -> None:
    (bundle,) = mine.glob(".mlgate/releases/*/src")
    monkeypatch.setenv("UV_OFFLINE", "1")
    size = install(bundle, HERE, tmp_path, tmp_path / "site")
    assert size > 100e6
    assert (tmp_path / "site" / "bentoml").is_dir()
    assert not (tmp_path / "site" / "mlflow").exists()
    assert not (tmp_path / "site" / "bin").exists()


def test_case_33_a_library_with_another_hash_than_the_lock_has_is_refused(mine: Path, tmp_path: Path) -> None:
    (bundle,) = mine.glob(".mlgate/releases/*/src")
    text = (bundle / "uv.lock").read_text(encoding="utf-8")
    before, name, after = text.partition('\nname = "aiosignal"\n')
    assert name
    (bundle / "uv.lock").write_text(before + name + re.sub("sha256:[0-9a-f]{8}", "sha256:00000000", after, count=2))
    with pytest.raises(InfraError, match="can't be installed") as refused:
        install(bundle, HERE, tmp_path, tmp_path / "site")
    assert "Computed" in str(refused.value)
    assert "hashes" in refused.value.mend
