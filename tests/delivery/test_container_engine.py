"""The container engine with a real daemon, real images from a real registry, and a service that is a toy."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import containers
import httpx
import psutil
import pytest
import toy_image

sys.path.insert(0, str(Path(__file__).parents[1] / "mlgate" / "delivery"))
from toy_repository import PRODUCTION, STAGING, git, processes_of, toy_project, toy_release

from mlgate.cli import main
from mlgate.engine import Running, engine_of
from mlgate.engine.containers import Containers
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Report

URL = f"http://127.0.0.1:{STAGING}"
Make = Callable[..., Release]
Say = Callable[..., str]


@pytest.fixture
def here(docker: dict[str, str], docker_say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose engine is `container`; no container of it is left afterwards."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "MLGATE_STATE", "MLGATE_PSEUDONYM_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DOCKER_HOST", "DOCKER_BUILDKIT"):
        if name in docker:
            monkeypatch.setenv(name, docker[name])
    monkeypatch.setenv("MLGATE_IMAGE_ENGINE", "docker")
    monkeypatch.setenv("MLGATE_ENGINE", "container")
    monkeypatch.setattr("mlgate.engine.rollout.mirrored", lambda project, release: "no MLflow here")
    project = toy_project(tmp_path / "toy")
    monkeypatch.chdir(project.root)
    try:
        yield project
    finally:
        engine_of(project).stop("staging")
        engine_of(project).stop("production")
        left = processes_of(project)
        for pid in left:
            psutil.Process(pid).kill()
        assert left == []
        assert of(docker_say, project) == []


@pytest.fixture
def make(crane: str, base_image: str, registry: str, here: Project) -> Make:
    """`make("a", fault)`: a packaged release of the newest commit, and its image in the registry."""

    def _make(seed: str, fault: str = "none", local: bool = True) -> Release:
        git(here.root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", seed)
        release = toy_release(here, seed, "none")
        bundle = here.state / "releases" / release.hex
        image = toy_image.push(crane, base_image, f"{registry}/toy", bundle, release.image, release.version, fault)
        release = release.model_copy(update={"container": image})
        (bundle / "release.json").write_text(release.model_dump_json())
        if not local:
            shutil.rmtree(bundle)
        return release

    return _make


def of(docker_say: Say, project: Project) -> list[str]:
    """Names of this project's containers, whatever their state."""
    folder = project.environment_state("staging")
    return docker_say("ps", "-a", "--filter", f"label=mlgate.folder={folder}", "--format", "{{.Names}}").split()


def now(project: Project) -> Running:
    found = engine_of(project).running("staging")
    assert found is not None
    return found


def version_that_answers() -> str:
    answer = httpx.post(f"{URL}/predict", json={"rows": [{"id": 1, "x": 3}]}, timeout=30)
    assert answer.status_code == 200
    return answer.headers["x-model-version"]


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


class Load:
    """Clients that ask all the time and keep whatever was no answer."""

    def __init__(self, clients: int = 4) -> None:
        self.versions: set[str] = set()
        self.problems: list[str] = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def _ask(self) -> None:
        with httpx.Client(base_url=URL, timeout=60) as client:
            while not self._end.is_set():
                try:
                    answer = client.post("/predict", json={"rows": [{"id": 1, "x": 5}]})
                    self.versions.add(answer.headers.get("x-model-version", str(answer.status_code)))
                    if answer.status_code != 200:
                        self.problems.append(f"{answer.status_code} {answer.text}")
                    time.sleep(0.01)
                except httpx.HTTPError as error:
                    self.problems.append(repr(error))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()


def test_deploy_rollback_and_a_killed_container_lose_no_request(here: Project, make: Make, docker_say: Say) -> None:
    a = make("a")
    assert main(["deploy", "--env", "staging"]) == 0
    assert (version_that_answers(), now(here).where.split()[0]) == (a.version, "container")
    b = make("b")
    with Load() as load:
        assert main(["deploy", "--env", "staging"]) == 0
        assert version_that_answers() == b.version
        assert main(["rollback", "--env", "staging"]) == 0
        assert version_that_answers() == a.version
        (name,) = of(docker_say, here)
        docker_say("kill", name)
        wait_for(lambda: now(here).restarts == 1 and now(here).healthy)
        assert of(docker_say, here) != [name]
    assert load.problems == []
    assert load.versions == {a.version, b.version}
    assert main(["status"]) == 0
    assert "container mlgate-toy-staging-" in Report.read(here.reports / "status.json").checks[0].evidence
    assert main(["serve", "--env", "staging", "--logs"]) == 0
    assert main(["serve", "--env", "staging", "--stop"]) == 0
    assert of(docker_say, here) == []


def test_a_container_has_no_rights_and_writes_in_two_folders_alone(here: Project, make: Make, docker_say: Say) -> None:
    make("a")
    assert main(["deploy", "--env", "staging"]) == 0
    (name,) = of(docker_say, here)
    host = json.loads(docker_say("inspect", name))[0]["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert (host["SecurityOpt"], host["PidsLimit"], host["Memory"]) == (["no-new-privileges"], 256, 2048 * 1024**2)
    assert [port["HostIp"] for port in host["PortBindings"]["3000/tcp"]] == ["127.0.0.1"]
    state = here.environment_state("staging")
    inside = "/mlgate/state/environments/staging"
    script = f"""
import os, pathlib
tried = {{}}
own = ["{inside}/history/h", "{inside}/predictions/p", "/tmp/t"]
for where in [*own, "{inside}/upstream.json", "/mlgate/state/pseudonym.key", "/etc/passwd"]:
    try: pathlib.Path(where).write_text("x"); tried[where] = "written"
    except OSError: tried[where] = "refused"
key = pathlib.Path("/mlgate/state/pseudonym.key").read_text()
print(os.getuid() != 0, key, *tried.values())
"""
    said = docker_say("exec", name, "python3", "-c", script).split()
    key = (here.state / "pseudonym.key").read_text()
    assert said == ["True", key, "written", "written", "written", "refused", "refused", "refused"]
    assert (state / "predictions" / "p").read_text() == "x"  # on this machine, where `monitor` reads
    assert (here.state / "pseudonym.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("fault", "red"), [("wrong-scores", "golden"), ("dies-at-start", "ready")])
def test_a_bad_image_never_takes_traffic(here: Project, make: Make, docker_say: Say, fault: str, red: str) -> None:
    a = make("a")
    assert main(["deploy", "--env", "staging"]) == 0
    make("b", fault)
    with Load(2) as load:
        assert main(["deploy", "--env", "staging"]) == 1
    assert (load.problems, load.versions) == ([], {a.version})
    report = Report.read(here.reports / "deploy.json")
    assert [check.id for check in report.checks if check.status == "fail"] == [red]
    assert f"{a.version} still serves" in " ".join(report.notes)
    assert Ledger(here).read("staging") == a
    assert len(of(docker_say, here)) == 1


def test_a_release_is_deployed_on_a_machine_that_never_built_it(
    here: Project, make: Make, docker_say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    a = make("a")
    assert main(["deploy", "--env", "staging"]) == 0
    assert main(["serve", "--env", "staging", "--stop"]) == 0
    folder = here.state / "releases" / a.hex
    shutil.rmtree(folder)
    docker_say("image", "rm", "-f", a.container)
    assert main(["serve", "--env", "staging"]) == 0
    assert version_that_answers() == a.version
    assert json.loads((folder / "release.json").read_bytes())["container"] == a.container
    assert list(folder.rglob("__pycache__")) == []


def test_an_image_that_is_gone_or_of_another_release_is_refused_before_the_ledger_is_written(
    here: Project, make: Make, crane: str, base_image: str, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    a = make("a")
    folder = here.state / "releases" / a.hex
    other = toy_image.push(crane, base_image, f"{registry}/toy", folder, "sha256:" + "0" * 64, "f" * 12)
    gone = a.container[:-4] + "0000"
    for container, said in ((other, "was built from sha256:0000"), (gone, "failed"), ("", "no image on this machine")):
        (folder / "release.json").write_text(a.model_copy(update={"container": container}).model_dump_json())
        assert main(["deploy", "--env", "staging"]) != 0
        assert said in capsys.readouterr().err
        assert Ledger(here).head("staging") == ""


def test_files_in_an_image_that_are_not_the_release_are_refused(
    here: Project, make: Make, crane: str, base_image: str, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    a = make("a")
    folder = here.state / "releases" / a.hex
    (folder / "src" / "artifacts" / "golden.json").write_text('{"rows": [], "scores": []}')
    forged = toy_image.push(crane, base_image, f"{registry}/toy", folder, a.image, "e" * 12)
    shutil.rmtree(folder)
    with pytest.raises(Exception, match="are not release"):
        Containers(here).bundle(a.model_copy(update={"container": forged}))
    assert not folder.exists()


def test_what_is_left_when_client_and_proxy_are_killed_is_removed_by_the_next(
    here: Project, make: Make, docker_say: Say
) -> None:
    a = make("a")
    assert main(["deploy", "--env", "staging"]) == 0
    (name,) = of(docker_say, here)
    for pid in processes_of(here):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: processes_of(here) == [])
    assert of(docker_say, here) == [name]  # a container outlives its client
    shutil.rmtree(here.environment_state("staging") / "replicas")
    assert main(["serve", "--env", "staging"]) == 0
    assert version_that_answers() == a.version
    (fresh,) = of(docker_say, here)
    assert fresh != name


def test_the_proxy_starts_a_container_again_as_it_was_whoever_started_the_proxy(
    here: Project, make: Make, docker_say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that was started for processes knows neither the daemon nor the key of who deployed the container."""
    from toy_repository import launch_toy

    monkeypatch.setattr("mlgate.engine.processes.launch_bento", launch_toy)
    a = make("a")
    with monkeypatch.context() as without:
        without.delenv("DOCKER_HOST", raising=False)
        assert main(["deploy", "--env", "staging", "--engine", "process"]) == 0
    key = "a key that the environment gives"
    monkeypatch.setenv("MLGATE_PSEUDONYM_KEY", key)
    assert main(["serve", "--env", "staging"]) == 0
    (name,) = of(docker_say, here)
    docker_say("kill", name)
    assert version_that_answers() == a.version
    (fresh,) = of(docker_say, here)
    assert fresh != name
    assert docker_say("exec", fresh, "cat", "/mlgate/state/pseudonym.key") == key
    assert key not in docker_say("inspect", fresh)


def test_case_30_a_container_out_of_memory_is_killed_and_comes_back(here: Project, make: Make) -> None:
    path = here.root / "params.yaml"
    path.write_text(path.read_text() + "deploy: {memory_mb: 128}\n")
    project = Project(here.root)
    a = make("a")
    assert main(["deploy", "--env", "staging"]) == 0
    with Load(3) as load:
        answer = httpx.post(f"{URL}/predict", json={"rows": [{"id": 1, "x": "grow"}]}, timeout=60)
        assert answer.status_code == 502  # asked twice: each time the kernel ended it
        wait_for(lambda: now(project).healthy and now(project).restarts == 2)
    assert len(load.problems) <= 3  # whoever was in flight both times, one request a client at most
    assert version_that_answers() == a.version


def test_an_environment_goes_from_processes_to_containers_and_back_without_a_gap(
    here: Project, make: Make, docker_say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toy_repository import launch_toy

    monkeypatch.setattr("mlgate.engine.processes.launch_bento", launch_toy)
    a = make("a")
    assert main(["deploy", "--env", "staging", "--engine", "process"]) == 0
    with Load(2) as load:
        assert main(["serve", "--env", "staging"]) == 0
        assert len(of(docker_say, here)) == 1
        assert main(["serve", "--env", "staging", "--engine", "process"]) == 0
        assert of(docker_say, here) == []
    assert (load.problems, load.versions) == ([], {a.version})


def test_the_real_image_serves_behind_the_proxy_keeps_its_log_here_and_comes_back(
    image_release: containers.ImageRelease, docker: dict[str, str], docker_say: Say, mlgate: Say, tmp_path: Path
) -> None:
    repository = image_release.copied(tmp_path)
    params = repository / "params.yaml"
    text = params.read_text().replace("staging: 3100", f"staging: {STAGING}")
    params.write_text(text.replace("production: 3000", f"production: {PRODUCTION}"))
    extra = {**containers.engine_of(docker), "MLGATE_ENGINE": "container", "MLGATE_IMAGE_ENGINE": "docker"}
    project = Project(repository)
    (release,) = (repository / ".mlgate" / "releases").glob("[0-9a-f]*")
    golden = json.loads((release / "src" / "artifacts" / "golden.json").read_bytes())

    def verb(*words: str) -> None:
        done = mlgate(repository, *words, **extra)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        verb("deploy", "--env", "staging")
        verb("serve", "--env", "staging", "--stop")
        shutil.rmtree(release)  # as on a machine that never built it
        verb("serve", "--env", "staging")
        assert json.loads((release / "release.json").read_bytes()) == image_release.record
        (name,) = of(docker_say, project)
        answer = httpx.post(f"{URL}/predict", json={"rows": golden["rows"]}, timeout=30)
        scores = [prediction["score"] for prediction in answer.json()["predictions"]]
        assert scores == pytest.approx(golden["scores"], rel=1e-9)
        log = project.environment_state("staging") / "predictions"
        wait_for(lambda: sum(path.read_text().count("\n") for path in log.glob("*.jsonl")) >= len(golden["rows"]))
        docker_say("kill", name)
        assert httpx.post(f"{URL}/predict", json={"rows": golden["rows"]}, timeout=60).status_code == 200
        assert of(docker_say, project) != [name]
        verb("status")
    finally:
        mlgate(repository, "serve", "--env", "staging", "--stop", **extra)
    assert of(docker_say, project) == []
