"""Runs in the database of this machine: whole or absent, and what the data set of a run tells."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import pytest

from mlgate.project import Project
from mlgate.training import tracking_server, unfinished


def test_a_database_that_breaks_off_while_it_is_made_leaves_nothing_and_is_made_again(
    newborn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = Project(newborn)

    def break_off(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "search_experiments", break_off)
        with pytest.raises(KeyboardInterrupt), tracking_server.client(project):
            pass
    assert list(project.state.iterdir()) == []
    with tracking_server.client(project) as (_, client):
        assert client.search_registered_models() == []
    assert [path.name for path in project.state.iterdir()] == ["mlflow.db"]


def test_a_second_process_that_makes_the_database_takes_the_one_that_is_there(
    newborn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = Project(newborn)
    search = mlflow.MlflowClient.search_experiments

    def overtaken(self: Any, **options: Any) -> Any:
        (project.state / tracking_server.DATABASE).write_bytes(b"another process's")
        return search(self, **options)

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "search_experiments", overtaken)
        tracking_server.warm_up(project)
    assert (project.state / tracking_server.DATABASE).read_bytes() == b"another process's"


def test_the_data_set_of_a_run_tells_rows_columns_and_which_of_them_may_be_missing(trained: Path) -> None:
    with closing(sqlite3.connect(trained / ".mlgate" / "mlflow.db")) as database:
        ((schema, profile, digest),) = database.execute("select dataset_schema, dataset_profile, digest from datasets")
    card = json.loads((trained / "models" / "model.json").read_bytes())
    columns = {column["name"]: column for column in json.loads(schema)["mlflow_colspec"]}
    assert list(columns) == card["features"]
    assert columns["amount"]["required"]
    assert not columns["customer_mean_1d"]["required"], "missing where a customer has no earlier transaction"
    assert json.loads(profile)["num_rows"] == card["train_rows"]
    assert digest == card["train_digest"].removeprefix("sha256:")[:36]


@pytest.mark.thorough
def test_as_many_threads_as_the_card_says_make_the_same_bytes_again(project: Path, mlgate: Any, run: Any) -> None:
    """An auditor's machine has more or fewer cores: sums of other parts differ in the last bits."""
    threads = "from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as f; print(f())"
    made = []

    def look(**environ: str) -> None:
        card = json.loads((project / "models" / "model.json").read_bytes())
        assert str(card["threads"]) == run([sys.executable, "-c", threads], project, **environ).stdout.strip()
        made.append(card["digest"])

    look()
    for taken in ("1", "3", "1"):
        for path in (project / "models").iterdir():
            path.unlink()
        done = mlgate(project, "train", OMP_NUM_THREADS=taken)
        assert done.returncode == 0, done.stderr
        look(OMP_NUM_THREADS=taken)
    assert made[1] == made[3] != made[2]


KILLED = """
import os, signal, sys
import mlflow
from mlgate.cli import main
where, name = sys.argv[1].split()
whole = getattr(mlflow.sklearn if name == "log_model" else mlflow, name)
def cut(*words, **more):
    if where == "after":
        whole(*words, **more)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(mlflow.sklearn if name == "log_model" else mlflow, name, cut)
sys.exit(main(["train"]))
"""


def test_case_18_a_run_that_was_killed_is_closed_by_the_next_and_nobody_elses_is_touched(
    project: Path, run: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    here = Project(project)
    with tracking_server.client(here) as (_, client):
        (experiment,) = [e.experiment_id for e in client.search_experiments() if e.name == "small-world"]
        before = {found.info.run_id for found in client.search_runs([experiment])}
        theirs = client.create_run(experiment, tags={"mlflow.user": "somebody"}).info.run_id
        with contextlib.suppress(KeyboardInterrupt), unfinished.noted(here) as note:  # a process that is alive: this
            mine = client.create_run(experiment, tags={unfinished.TAG: note}).info.run_id
            raise KeyboardInterrupt
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("max_iter: 20", "max_iter: 23"))
    for at in ("before log_model", "after register_model"):
        done = run([sys.executable, "-c", KILLED, at], project, PYTHONPATH=str(project / "src"))
        assert done.returncode == -signal.SIGKILL, done.stderr
    code, said = call(project, "train")
    assert code == 0, said
    with tracking_server.client(here) as (_, client):
        runs = {found.info.run_id: found.info.status for found in client.search_runs([experiment])}
        versions = client.search_model_versions("name = 'small-world'")
    assert (runs.pop(theirs), runs.pop(mine)) == ("RUNNING", "RUNNING")
    ended = {name: status for name, status in runs.items() if name not in before}
    assert sorted(ended.values()) == ["FINISHED", "KILLED"]
    assert [v.run_id for v in versions if v.run_id not in before] == [n for n, s in ended.items() if s == "FINISHED"]
    assert [path.stem for path in (here.state / "mlflow-runs").iterdir()] == [note]


@pytest.mark.parametrize("verb", ["ingest", "validate", "train", "evaluate", "package", "retrain", "doctor"])
def test_case_23_a_secret_in_the_parameters_fails_the_verb_and_is_found_nowhere_else(
    project: Path, mlgate: Any, verb: str
) -> None:
    canary = "ghp_c4naryS3cretc4naryS3cret"
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("max_iter: 20", f"max_iter: 20\n  token: {canary}"))
    done = mlgate(project, verb)
    assert done.returncode in (1, 2, 3), done.stdout
    assert "model.token holds a GitHub token" in " ".join((done.stdout + done.stderr).split())
    assert canary not in done.stdout + done.stderr
    held = [path for path in project.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]
    assert held == [params]
