"""deploy, promote, rollback, serve, status and history by their front doors, on a real ledger and real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from toy_repository import PRODUCTION, STAGING, git, launch_toy, processes_of, toy_release

from mlgate.cli import main
from mlgate.engine import bluegreen as engine
from mlgate.engine import replica
from mlgate.engine.replica import launch_bento
from mlgate.engine.smoke import smoke
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Report


@pytest.fixture
def here(served: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as current folder; its releases are toys."""
    monkeypatch.chdir(served.root)
    monkeypatch.setattr("mlgate.engine.processes.launch_bento", launch_toy)
    monkeypatch.setattr("mlgate.engine.rollout.mirrored", lambda project, release: "no MLflow here")
    return served


def serving(port: int) -> str:
    return httpx.post(f"http://127.0.0.1:{port}/predict", json={"rows": [{"x": 1}]}).headers["x-model-version"]


def report(project: Project, verb: str) -> Report:
    return Report.read(project.reports / f"{verb}.json")


def commit(project: Project, text: str) -> None:
    git(project.root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", text)


def promoted(project: Project, seed: str) -> Release:
    commit(project, seed)
    release = toy_release(project, seed)
    assert main(["deploy", "--env", "staging"]) == 0
    assert main(["promote", "--approved-by", f"Ada {seed}"]) == 0
    return release


def test_the_way_of_a_release_from_staging_to_production_and_back(here: Project) -> None:
    a, b = promoted(here, "a"), promoted(here, "b")
    ledger = Ledger(here)
    assert (ledger.read("staging"), ledger.read("production")) == (b, b)
    newest = ledger.entries("production")[0]
    assert newest.trailers["Approved-By"] == "Ada b"
    assert newest.trailers["Promoted-From"] == ledger.head("staging")
    assert (serving(STAGING), serving(PRODUCTION)) == (b.version, b.version)
    assert report(here, "promote").subject.image_digest == b.image
    assert main(["rollback", "--env", "production"]) == 0
    assert (ledger.read("production"), serving(PRODUCTION), serving(STAGING)) == (a, a.version, b.version)
    assert main(["rollback", "--env", "production"]) == 0  # a rollback of the rollback
    assert (ledger.read("production"), serving(PRODUCTION)) == (b, b.version)
    assert main(["rollback", "--env", "production", "--to", a.version]) == 0
    assert (ledger.read("production"), serving(PRODUCTION)) == (a, a.version)
    assert main(["rollback", "--env", "production", "--to", a.version]) == 1  # it is there already
    assert main(["history", "--env", "production"]) == 0
    assert len(report(here, "history").notes) == 5
    assert main(["status"]) == 0
    assert git(here.root, "status", "--porcelain") == ""


def test_the_ledger_keeps_of_the_holdout_the_scores_alone(here: Project) -> None:
    import io

    import pandas as pd

    toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    content = Ledger(here).file("staging", "holdout.parquet")
    assert content is not None
    assert list(pd.read_parquet(io.BytesIO(content)).columns) == ["score"]
    assert Ledger(here).file("staging", "model.json") == b'{"seed": "a"}'
    assert main(["promote", "--approved-by", "Ada"]) == 0  # and it is what the next model is judged against there
    assert Ledger(here).file("production", "holdout.parquet") == content


@pytest.mark.parametrize(
    ("fault", "red"), [("wrong-scores", "golden"), ("dies-at-start", "ready"), ("slow", "latency")]
)
def test_a_failed_deploy_reverts_its_commit_and_the_former_serves_on(here: Project, fault: str, red: str) -> None:
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    before = engine.running(here, "staging")
    commit(here, "b")
    toy_release(here, "b", fault)
    assert main(["deploy", "--env", "staging"]) == 1
    assert [check.id for check in report(here, "deploy").checks if check.status == "fail"] == [red]
    assert f"{a.version} still serves" in " ".join(report(here, "deploy").notes)
    ledger = Ledger(here)
    assert ledger.read("staging") == a
    assert [("Reverts" in entry.trailers) for entry in ledger.entries("staging")] == [True, False, False]
    assert engine.running(here, "staging") == before
    assert main(["rollback", "--env", "staging"]) == 1  # what failed is nothing to return to
    assert len(ledger.entries("staging")) == 3
    assert main(["status"]) == 0


def test_a_first_deploy_that_fails_leaves_nothing(here: Project) -> None:
    toy_release(here, "a", "wrong-version")
    assert main(["deploy", "--env", "staging"]) == 1
    assert Ledger(here).read("staging") is None
    assert processes_of(here) == []
    assert main(["promote", "--approved-by", "Ada"]) == 1


def test_a_deploy_again_commits_nothing_and_a_failure_then_reverts_nothing(here: Project) -> None:
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    assert main(["deploy", "--env", "staging"]) == 0
    assert main(["serve", "--env", "staging", "--stop"]) == 0
    assert len(Ledger(here).entries("staging")) == 1
    with socket.create_server(("127.0.0.1", STAGING)):
        assert main(["deploy", "--env", "staging"]) == 3
        assert main(["serve", "--env", "staging"]) == 3
    assert Ledger(here).read("staging") == a


def test_the_same_release_built_again_at_another_time_commits_nothing(here: Project) -> None:
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    record = here.state / "releases" / a.hex / "release.json"
    record.write_text(a.model_copy(update={"built": datetime(2031, 1, 1, tzinfo=UTC)}).model_dump_json(), "utf-8")
    assert main(["deploy", "--env", "staging"]) == 0
    assert Ledger(here).read("staging") == a
    assert len(Ledger(here).entries("staging")) == 1


def test_a_port_in_use_is_found_before_the_ledger_is_written(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    toy_release(here, "a")
    with socket.create_server(("127.0.0.1", STAGING)):
        assert main(["deploy", "--env", "staging"]) == 3
    words = capsys.readouterr().err
    assert f"port {STAGING}" in words
    assert "serving.ports.staging" in words
    assert Ledger(here).head("staging") == ""


def test_a_dry_run_changes_nothing(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging", "--dry-run"]) == 0
    assert f'+  "version": "{a.version}"' in capsys.readouterr().out
    assert Ledger(here).head("staging") == ""
    assert processes_of(here) == []


def test_a_dry_run_says_no_where_the_deploy_would(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    dry = ["deploy", "--env", "staging", "--dry-run"]
    old = toy_release(here, "a")
    with socket.create_server(("127.0.0.1", STAGING)):
        assert main(dry) == 3
    commit(here, "b")
    toy_release(here, "b")
    assert main(["deploy", "--env", "staging"]) == 0
    head = Ledger(here).head("staging")
    assert main([*dry, "--release", old.version]) == 3
    assert "overtaken" in capsys.readouterr().err
    assert main(dry) == 0
    assert Ledger(here).head("staging") == head
    assert main(["freeze", "--env", "staging", "--reason", "audit"]) == 0
    assert main(dry) == 1
    assert "audit" in capsys.readouterr().err


def test_what_another_engine_runs_is_not_called_stopped(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    stop = ["serve", "--env", "staging", "--stop"]
    for engine_name in ("none", "kubernetes"):
        assert main([*stop, "--engine", engine_name]) == 1
        (check,) = report(here, "serve").checks
        assert (check.id, check.status) == ("stopped", "fail")
        assert a.version in check.evidence
        assert "pid" in check.evidence
        assert check.mend == "run `mlgate serve --env staging --stop --engine process`"
    assert serving(STAGING) == a.version
    capsys.readouterr()
    assert (
        main([*stop, "--engine", "container"]) == 0
    )  # what runs on this machine is one engine's as much as the other's
    assert "staging is stopped" in capsys.readouterr().out
    assert processes_of(here) == []
    assert main([*stop, "--engine", "none"]) == 0
    assert "was not running" in capsys.readouterr().out


def test_status_lists_the_images_that_a_registry_has_to_keep(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert report(here, "status").notes == []
    image = "registry.example/toy@sha256:" + "1" * 64
    named = toy_release(here, "a").model_copy(update={"container": image})
    Ledger(here).write("staging", named, {}, "deploy(staging): toy", {})
    assert main(["status", "--engine", "none"]) == 0
    assert report(here, "status").notes == [f"keep in the registry: {image} (staging {named.version})"]
    assert "keep in the registry" in capsys.readouterr().out


def test_production_takes_only_what_staging_has_proven(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    toy_release(here, "a")
    assert main(["deploy", "--env", "production"]) == 2
    assert "mlgate promote" in capsys.readouterr().err
    assert main(["promote", "--approved-by", "Ada"]) == 1
    assert main(["deploy", "--env", "staging"]) == 0
    assert main(["serve", "--env", "staging", "--stop"]) == 0
    assert main(["promote", "--approved-by", "Ada"]) == 1
    assert "good health" in capsys.readouterr().err
    assert Ledger(here).head("production") == ""


def test_staging_that_hangs_or_serves_something_else_is_not_promoted(
    here: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    now = engine.running(here, "staging")
    assert now is not None
    os.kill(now.replica_pid, signal.SIGSTOP)  # it lives, and does not answer
    assert main(["promote", "--approved-by", "Ada"]) == 1
    assert "staging is not in good health" in capsys.readouterr().err
    os.kill(now.replica_pid, signal.SIGCONT)
    commit(here, "b")
    b = toy_release(here, "b")
    Ledger(here).write("staging", b, {}, "deploy(staging): b, and nobody started it", {})
    assert main(["promote", "--approved-by", "Ada"]) == 1
    assert f"staging serves {a.version}, and its ledger names {b.version}" in capsys.readouterr().err
    assert Ledger(here).head("production") == ""


@pytest.mark.parametrize("what", ["src/artifacts/model.json", "fault", "src/artifacts/new.py", "release.json"])
def test_case_12_files_that_differ_from_their_digest_are_refused_before_anything(here: Project, what: str) -> None:
    a = toy_release(here, "a")
    path = here.state / "releases" / a.hex / what
    if what == "release.json":
        path.write_text(a.model_copy(update={"image": "sha256:" + "0" * 64}).model_dump_json())
    else:
        path.write_text("changed")
    assert main(["deploy", "--env", "staging"]) == 1
    assert Ledger(here).head("staging") == ""
    assert processes_of(here) == []


def test_case_15_a_rollback_to_a_release_that_is_gone_says_how_to_get_it_back(
    here: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = promoted(here, "a"), promoted(here, "b")
    shutil.rmtree(here.state / "releases" / a.hex)
    before = Ledger(here).head("production")
    assert main(["rollback", "--env", "production"]) == 1
    words = capsys.readouterr().err
    assert a.source_commit[:12] in words
    assert "mlgate package" in words
    assert (Ledger(here).head("production"), serving(PRODUCTION)) == (before, b.version)


def test_releases_are_found_by_the_start_of_a_digest_or_version(here: Project) -> None:
    a, b = toy_release(here, "a"), toy_release(here, "b")
    assert main(["deploy", "--env", "staging", "--release", a.image[:20]]) == 0
    assert Ledger(here).read("staging") == a
    assert main(["deploy", "--env", "staging", "--release", b.version]) == 0
    assert Ledger(here).read("staging") == b
    for wrong in ("", "sha256:", "../..", "abc", "f" * 64):
        assert main(["deploy", "--env", "staging", "--release", wrong]) == 1, wrong
    commit(here, "newer")
    assert main(["deploy", "--env", "staging"]) == 1  # nothing packaged from this commit


def test_after_a_crash_status_says_so_and_serve_mends_it(here: Project) -> None:
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    for pid in processes_of(here):
        os.kill(pid, signal.SIGKILL)
    while processes_of(here):
        time.sleep(0.02)
    assert main(["status"]) == 1
    staging = report(here, "status").checks[0]
    assert (staging.status, "not running" in staging.evidence) == ("fail", True)
    assert staging.mend == "run `mlgate serve --env staging`"
    assert main(["serve", "--env", "staging"]) == 0
    first = engine.running(here, "staging")
    assert main(["serve", "--env", "staging"]) == 0
    assert engine.running(here, "staging") == first
    assert main(["serve", "--env", "staging", "--restart"]) == 0
    assert engine.running(here, "staging") != first
    assert serving(STAGING) == a.version
    assert main(["serve", "--env", "staging", "--logs"]) == 0
    assert any("answers now" in note for note in report(here, "serve").notes)
    assert main(["serve", "--env", "staging", "--logs", "-n", "1"]) == 0
    assert len(report(here, "serve").notes) <= 4  # two programs, a heading and a line each
    assert main(["status"]) == 0
    assert main(["serve", "--env", "staging", "--stop"]) == 0
    assert main(["serve", "--env", "staging", "--stop"]) == 0
    assert processes_of(here) == []


def test_a_damaged_ledger_is_told_and_rolled_back(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    branch = Ledger(here).branch("staging")
    branch.add({"release.json": b"{"}, "by hand", branch.head())
    assert main(["status"]) == 1
    assert main(["promote", "--approved-by", "Ada"]) == 1
    assert "release.json in env/staging" in capsys.readouterr().err
    assert main(["rollback", "--env", "staging"]) == 0
    assert Ledger(here).read("staging") == a


def test_a_damaged_ledger_without_a_release_to_return_to_is_mended_by_the_next_deploy(
    here: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, deploy said to roll back, and rollback that there was nothing to return to: for ever."""
    branch = Ledger(here).branch("staging")
    branch.add({"release.json": b"{"}, "by hand", "")
    toy_release(here, "bad", "wrong-scores")
    assert main(["deploy", "--env", "staging"]) == 1
    assert "was reverted; release.json in env/staging" in " ".join(report(here, "deploy").notes)
    assert main(["rollback", "--env", "staging"]) == 1
    commit(here, "a")
    a = toy_release(here, "a")
    assert main(["deploy", "--env", "staging"]) == 0
    assert (Ledger(here).read("staging"), serving(STAGING)) == (a, a.version)
    newer = json.dumps({**json.loads(a.model_dump_json()), "schema_version": 2}).encode()
    branch.add({"release.json": newer}, "by a newer mlgate", branch.head())
    commit(here, "b")
    toy_release(here, "b")
    assert main(["deploy", "--env", "staging"]) == 1
    assert "a newer one wrote it" in capsys.readouterr().err
    branch.add({"release.json": b"{"}, "by hand", branch.head())
    assert main(["deploy", "--env", "staging"]) == 1  # there is one to return to, which a person decides
    assert "restores the former one" in capsys.readouterr().err


def test_case_18_kill_of_a_deploy_after_its_commit_converges_when_run_again(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = toy_release(here, "a")

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("mlgate.engine.bluegreen.resume", die)
        patch.setattr("mlgate.engine.rollout._revert", lambda *_: "")  # SIGKILL gives no chance to revert
        with pytest.raises(Killed):
            main(["deploy", "--env", "staging"])
    assert Ledger(here).read("staging") == a
    assert main(["status"]) == 1
    assert main(["deploy", "--env", "staging"]) == 0
    assert (serving(STAGING), len(Ledger(here).entries("staging"))) == (a.version, 1)


def test_ctrl_c_while_a_release_starts_reverts_the_commit(here: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    toy_release(here, "a")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlgate.engine.replica.wait_ready", interrupt)
    assert main(["deploy", "--env", "staging"]) == 130
    assert Ledger(here).read("staging") is None
    assert processes_of(here) == []


SERVICE = """
from __future__ import annotations
import bentoml
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def predict(request):
    rows = (await request.json())["rows"]
    if any("x" not in row for row in rows):
        return JSONResponse({"error": "x"}, 400)
    scores = [{"score": row["x"] / 10} for row in rows]
    return JSONResponse({"predictions": scores}, headers={"x-model-version": "VERSION"})

@bentoml.service(name="toy")
@bentoml.asgi_app(Starlette(routes=[Route("/predict", predict, methods=["POST"])]))
class Toy:
    pass
"""


def test_bentoml_itself_is_started_served_and_stopped(served: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(served.root)
    stage = served.state / "stage"
    (stage / "src" / "artifacts").mkdir(parents=True)
    version = "0123456789ab"
    (stage / "service.py").write_text(SERVICE.replace("VERSION", version))
    golden = {"rows": [{"x": 1}, {"x": 7}], "scores": [0.1, 0.7]}
    (stage / "src" / "artifacts" / "golden.json").write_text(json.dumps(golden))
    launch = launch_bento(stage, "sha256:" + "0" * 64, version, "staging", served.environment_state("staging"))
    files = sorted(path for path in stage.rglob("*"))
    checks = engine.release(
        served, "staging", launch, lambda url: smoke(url, stage / "src" / "artifacts" / "golden.json", version, 2000)
    )
    assert {check.id: check.status for check in checks} == dict.fromkeys(
        ("version", "golden", "contract", "latency"), "pass"
    )
    assert serving(STAGING) == version
    assert sorted(path for path in stage.rglob("*")) == files  # no bytecode beside what has a digest
    running = engine.running(served, "staging")
    assert running is not None
    blue = f"http://127.0.0.1:{running.replica_port}"
    before = counted(blue)
    assert before > 0
    green = replica.start(launch, served.environ())
    replica.wait_ready(green)
    assert counted(blue) == before  # BentoML empties its folder of metrics as it starts, and green has its own
    replica.stop(green)
    os.kill(running.replica_pid, signal.SIGKILL)  # BentoML's workers outlive it, in sessions of their own
    assert engine.stop(served, "staging")
    assert processes_of(served) == []
    assert list((launch.folder / "replicas").iterdir()) == []


def counted(url: str) -> float:
    """How many requests a copy of the service says that it answered on /predict."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    asked = [line for line in lines if line.startswith("bentoml_service_request_total{") and "/predict" in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in asked)


def test_bytecode_of_a_release_is_kept_away_from_it_unless_the_caller_chose_a_place(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.environment_state("staging")

    def place() -> str:
        return launch_bento(project.root, "", "", "staging", folder).environ["PYTHONPYCACHEPREFIX"]

    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    assert place() == str(project.state / "bytecode")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "/elsewhere")
    assert place() == "/elsewhere"


def test_nothing_of_an_environment_is_outside_its_folder(here: Project, tmp_path: Path) -> None:
    toy_release(here, "a")
    before = {path for path in tmp_path.rglob("*") if ".git" not in path.parts and ".mlgate" not in path.parts}
    assert main(["deploy", "--env", "staging"]) == 0
    after = {path for path in tmp_path.rglob("*") if ".git" not in path.parts and ".mlgate" not in path.parts}
    assert after - before == {here.reports, here.reports / "deploy.json"}
