"""Which engine runs a release: as called, by the environment, by params.yaml; and `none`, which pretends nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from toy_repository import OTHER, STAGING, commit_all, processes_of, toy_release

from mlgate.cli import main
from mlgate.engine import ENGINES, Engine, engine_of
from mlgate.errors import ConfigError
from mlgate.ledger import Ledger
from mlgate.project import Project
from mlgate.report import Report

TOY = Path(__file__).with_name("toy_service.py")


def chosen(folder: Path, name: str | None = None) -> Engine:
    return engine_of(Project(folder, name))


def set_engine(project: Project, name: str) -> None:
    path = project.root / "params.yaml"
    path.write_text(path.read_text() + f"deploy: {{engine: {name}}}\n")


def test_the_call_decides_then_the_variable_then_params(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(project.root).name == "process"
    set_engine(project, "none")
    assert chosen(project.root).name == "none"
    monkeypatch.setenv("MLGATE_ENGINE", "process")
    assert chosen(project.root).name == "process"
    assert chosen(project.root, "none").name == "none"
    monkeypatch.setenv("MLGATE_ENGINE", "warp")
    with pytest.raises(ConfigError, match="no engine 'warp'"):
        chosen(project.root)


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_that_params_accept_is_there_and_says_its_name(project: Project, name: str) -> None:
    set_engine(project, name)
    assert chosen(project.root).name == name


def test_without_an_engine_a_deploy_is_a_commit_and_says_that_nothing_was_started(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    monkeypatch.setattr("mlgate.engine.rollout.mirrored", lambda project, release: "no MLflow here")
    release = toy_release(project, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    deployed = Report.read(project.reports / "deploy.json")
    assert [(check.id, check.status) for check in deployed.checks] == [("ready", "skip")]
    assert deployed.status == "skip"
    said = capsys.readouterr().out
    assert "staging: skip: no cluster connected" in said
    assert "nothing was started or smoked here" in said
    assert Ledger(project).read("staging") == release
    assert processes_of(project) == []
    assert main(["promote", "--approved-by", "Ada"]) == 0
    assert Ledger(project).read("production") == release
    assert main(["status"]) == 0
    assert {check.status for check in Report.read(project.reports / "status.json").checks} == {"skip"}
    for more in ([], ["--restart"], ["--logs"], ["--stop"]):
        assert main(["serve", "--env", "staging", *more]) == 0
    assert processes_of(project) == []


@pytest.fixture
def agent(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """What watches the branch of staging, in a thread: it starts what the ledger names without asking it anything."""
    ended, started = threading.Event(), threading.Thread(target=lambda: follow(project, ended))
    params = project.root / "params.yaml"
    urls = f"{{staging: 'http://127.0.0.1:{STAGING}'}}"
    params.write_text(f"{params.read_text()}deploy: {{settle: 2m, urls: {urls}}}\n")
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    yield started.start
    ended.set()
    if started.ident:
        started.join()


def follow(project: Project, ended: threading.Event) -> None:
    there, child = None, None
    while not ended.wait(0.05):
        wanted = Ledger(Project(project.root)).read("staging")
        if wanted and wanted != there:
            end(child)
            fault = (project.state / "releases" / wanted.hex / "fault").read_text()
            command = [sys.executable, str(TOY), str(STAGING), wanted.version, fault]
            child = subprocess.Popen(command, env={**os.environ, "MLGATE_ENVIRONMENT_STATE": str(project.root)})
            there = wanted
    end(child)


def end(child: subprocess.Popen[bytes] | None) -> None:
    if child:
        child.terminate()
        child.wait()


def checked(project: Project) -> dict[str, str]:
    return {check.id: check.status for check in Report.read(project.reports / "deploy.json").checks}


def test_what_something_else_starts_is_waited_for_and_smoked_at_its_address(
    project: Project, agent: Callable[[], None]
) -> None:
    agent()
    good = toy_release(project, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    assert checked(project) == dict.fromkeys(("ready", "version", "golden", "contract", "latency"), "pass")
    commit_all(project.root, "b")
    toy_release(project, "b", "wrong-scores")
    assert main(["deploy", "--env", "staging"]) == 1
    assert {name for name, status in checked(project).items() if status == "fail"} == {"golden"}
    assert Ledger(project).read("staging") == good
    assert len(Ledger(project).entries("staging")) == 3  # the last one reverts, and is followed as well


def test_staging_that_does_not_answer_at_its_address_is_not_promoted(
    project: Project, agent: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a runner that has no record of the deploy, as every workflow's is."""
    monkeypatch.setattr("mlgate.engine.rollout.mirrored", lambda project, release: "no MLflow here")
    agent()
    good = toy_release(project, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    (project.reports / "deploy.json").unlink()
    params = project.root / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace(f"127.0.0.1:{STAGING}'", f"127.0.0.1:{OTHER}'"))
    assert main(["promote", "--approved-by", "Ada"]) == 1
    health = next(c for c in Report.read(project.reports / "promote.json").checks if c.id == "health")
    assert (health.status, "answers with nothing" in health.evidence) == ("fail", True)
    assert health.mend
    assert Ledger(project).read("production") is None
    params.write_text(text)
    assert main(["promote", "--approved-by", "Ada"]) == 0
    assert Ledger(project).read("production") == good


def test_what_nothing_starts_is_given_up_and_reverted(
    project: Project, agent: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlgate.engine.watched.PAUSE", 0.01)
    monkeypatch.setattr("mlgate.engine.watched.time", Hurried())
    toy_release(project, "a")
    assert main(["deploy", "--env", "staging"]) == 1
    (check,) = Report.read(project.reports / "deploy.json").checks
    assert (check.id, check.status) == ("ready", "fail")
    assert "answers with nothing" in check.evidence
    assert "deploy.settle" in check.mend
    assert Ledger(project).read("staging") is None


class Hurried:
    """Time that passes a thousand times as fast."""

    def monotonic(self) -> float:
        return time.monotonic() * 1_000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
