"""The whole loop on the default project, run by the commands that a user would type, and what it leaves behind."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from repository import ask, give_ports, report

pytestmark = [pytest.mark.loop, pytest.mark.xdist_group("default-loop")]


@pytest.fixture(scope="module")
def demo(project_copy, mlgate, run, module_folder, ended):
    """A repository in which `mlgate demo --keep` has told its whole story, and what it printed."""
    repository = project_copy(module_folder("loop"))
    give_ports(repository)
    run(["git", "commit", "-qam", "ports of their own"], repository)
    ended(repository)
    done = mlgate(repository, "demo", "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    return repository, done.stdout


def git(run, repository, *words):
    done = run(["git", *words], repository)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def releases(run, repository, environment):
    """The releases of an environment, newest first, from nothing but Git."""
    commits = git(run, repository, "log", "--format=%H", f"env/{environment}").split()
    return [json.loads(git(run, repository, "show", f"{commit}:release.json")) for commit in commits]


def test_the_demo_tells_its_story_in_about_twenty_lines(demo):
    lines = demo[1].strip().splitlines()
    assert 18 <= len(lines) <= 30
    assert any("retrain" in line for line in lines)


def test_nothing_is_left_uncommitted(demo, run):
    assert git(run, demo[0], "status", "--porcelain") == ""


def test_the_drift_was_found_and_nothing_before_it(demo):
    stories = {check["id"]: check for check in report(demo[0], "demo")["checks"]}
    monitors = [check["evidence"] for name, check in sorted(stories.items()) if name.endswith("monitor")]
    assert [words.split(":")[0] for words in monitors] == ["healthy", "retrain"]
    red = [check["id"] for check in report(demo[0], "monitor")["checks"] if check["status"] == "fail"]
    assert red
    assert all(name.split("/")[0] in ("data-drift", "prediction-drift") for name in red)


def test_retraining_repaired_the_metric(demo):
    checks = {check["id"]: check for check in report(demo[0], "retrain")["checks"]}
    assert checks["champion"]["status"] == "pass"
    assert checks["champion"]["interval"][0] > 0.05, "the challenger is better beyond doubt, not merely no worse"
    assert checks["champion-holdout"]["status"] == "pass"


def test_production_was_promoted_twice_and_rolled_back_to_the_first_release(demo, run):
    last, second, first = releases(run, demo[0], "production")
    assert last["image"] == first["image"] != second["image"]
    staging = [release["image"] for release in releases(run, demo[0], "staging")]
    assert staging == [second["image"], first["image"]]
    assert second["trained_until"] > first["trained_until"]


def test_the_live_answer_names_the_version_that_the_ledger_names(demo, run):
    repository = demo[0]
    golden = next(repository.glob(".mlgate/releases/*/src/artifacts/golden.json"))
    rows = json.loads(golden.read_text())["rows"][:2]
    answer = ask(repository, "production", rows)
    assert answer.status_code == 200
    version = releases(run, repository, "production")[0]["version"]
    assert answer.headers["x-model-version"] == answer.json()["model_version"] == version


def test_a_bad_row_is_refused_with_the_name_of_its_field(demo):
    answer = ask(demo[0], "production", [{"transaction_id": 1, "amount": "much"}])
    assert 400 <= answer.status_code < 500
    assert "amount" in answer.text


def test_every_report_of_the_loop_names_commit_and_data(demo):
    for verb in ("validate", "train", "evaluate", "package", "deploy", "promote", "monitor"):
        subject = report(demo[0], verb)["subject"]
        assert len(subject["git_commit"]) == 40, verb
        assert subject["data_digest"].startswith("sha256:"), verb


def test_from_the_running_digest_one_gets_back_to_the_rows(demo, run):
    release = releases(run, demo[0], "production")[0]
    commit = release["source_commit"]
    lock = git(run, demo[0], "show", f"{commit}:data/snapshot.json")
    assert json.loads(lock)["digest"] == release["data_digest"]


def test_the_registry_mirrors_the_ledger(demo, run):
    from mlflow.tracking import MlflowClient

    release = releases(run, demo[0], "production")[0]
    database = f"sqlite:///{demo[0] / '.mlgate' / 'mlflow.db'}"
    client = MlflowClient(database, database)  # other tests of this process leave a registry of their own behind
    assert str(client.get_model_version_by_alias(release["model"], "champion").version) == release["model_version"]


def test_predictions_are_logged_without_names(demo):
    folder = demo[0] / ".mlgate" / "environments" / "production" / "predictions"
    line = json.loads(next(folder.rglob("*.jsonl")).read_text().splitlines()[0])
    assert {"version", "row", "features", "score"} <= set(line)
    assert not {"customer_id", "transaction_id", "terminal_id"} & set(line["features"])
    raw = pd.read_parquet(demo[0] / "data" / "raw.parquet")
    assert set(line["features"]) - set(raw.columns), "features, not raw rows, are logged"


@pytest.mark.parametrize(("verb", "options"), [("ingest", ()), ("package", ()), ("deploy", ("--env", "staging"))])
def test_a_second_run_with_nothing_changed_does_nothing(demo, mlgate, run, verb, options):
    repository = demo[0]
    before = git(run, repository, "for-each-ref"), sorted((repository / ".mlgate" / "releases").iterdir())
    done = mlgate(repository, verb, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(run, repository, "status", "--porcelain") == ""
    assert (git(run, repository, "for-each-ref"), sorted((repository / ".mlgate" / "releases").iterdir())) == before


def test_a_second_repro_runs_no_stage_but_the_standing_verdict(demo, run):
    model = demo[0] / "models" / "model.json"
    before = model.stat().st_mtime_ns
    done = run(["dvc", "repro"], demo[0], PYTHONPATH=str(demo[0] / "src"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Running stage 'train'" not in done.stdout
    assert "Running stage 'validate'" not in done.stdout
    assert model.stat().st_mtime_ns == before
    assert git(run, demo[0], "status", "--porcelain") == ""


def test_the_demo_refuses_a_repository_with_a_past(demo, mlgate):
    done = mlgate(demo[0], "demo")
    assert done.returncode == 2
    assert "already has data or releases" in done.stderr


def test_doctor_finds_this_repository_in_order(demo, mlgate):
    mlgate(demo[0], "doctor")
    checks = {check["id"].split("-", 1)[1]: check for check in report(demo[0], "doctor")["checks"]}
    for name in ("git", "identity", "params", "model", "data", "tracking", "state", "ports"):
        assert checks[name]["status"] == "pass", checks[name]


AUDIT = Path(__file__).resolve().parents[2] / "docs" / "audit.md"
UV = '#!/bin/sh\n[ "$1 $2" = "run mlgate" ] || exit 64\nshift 2\nPYTHONPATH="$PWD/src" exec {python} -m mlgate "$@"\n'


@pytest.mark.thorough
def test_each_command_of_the_auditor_s_page_answers_and_the_same_model_can_be_made_again(demo, run, environ, tmp_path):
    questions, remake = re.findall(r"```console\n(.*?)```", AUDIT.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "uv").write_text(UV.format(python=sys.executable))
    (tmp_path / "uv").chmod(0o755)
    path = f"{tmp_path}:{environ['PATH']}"
    said = [run(["bash", "-euo", "pipefail", "-c", block], demo[0], PATH=path) for block in (questions, remake)]
    for done in said:
        assert done.returncode == 0, done.stdout + done.stderr
    release, again = releases(run, demo[0], "production")[0], demo[0].parent / "again"
    made = json.loads((again / "models" / "model.json").read_text())
    assert git(run, again, "rev-parse", "HEAD") == release["source_commit"]
    assert made["digest"] == release["model_digest"], "not the same bytes"
    assert f'"digest": "{release["model_digest"]}"' in said[1].stdout
    flat = "".join(said[0].stdout.split())
    for word in ("rollback(production)", release["data_digest"][7:], release["model_digest"][7:], "+risk_class:"):
        assert word in flat, word
