"""Which engine runs a release: as called, by the environment, by params.yaml; and `none`, which pretends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_repository import processes_of, toy_release

from mlgate.cli import main
from mlgate.engine import ENGINES, Engine, engine_of
from mlgate.errors import ConfigError
from mlgate.ledger import Ledger
from mlgate.project import Project
from mlgate.report import Report


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
