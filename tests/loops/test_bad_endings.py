"""Bad input and Ctrl-C in each verb: an exit code, one message with what to do, no traceback, and nothing is lost."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pandas as pd
import pytest
from repository import give_ports, ports
from small_repository import Interrupted, alive, copied, shrink, state, verb

pytestmark = [pytest.mark.loop, pytest.mark.xdist_group("bad-endings")]
QUIET_END = -signal.SIGINT  # before a verb has begun: the system's own end, without a word
STAGING = ("--env", "staging")
CALLS = {
    "ingest": (), "validate": (), "train": (), "evaluate": (), "prove": (), "package": (), "deploy": STAGING,
    "promote": (), "rollback": STAGING, "status": (), "history": STAGING, "serve": STAGING, "replay": STAGING,
    "monitor": STAGING, "retrain": (), "adopt": ("cancer.csv", "--target", "target"), "demo": (),
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(project_copy, mlgate, run, module_folder, ended):
    """A small repository with data, model and two releases, of which staging served one and serves the other."""
    repository = project_copy(module_folder("bad-endings"))
    give_ports(repository)
    shrink(repository)
    run(["git", "commit", "-qam", "a small world"], repository)
    ended(repository)
    for words in (["ingest"], ["dvc", "repro"]):
        done = run(verb(repository, *words), repository, PYTHONPATH=str(repository / "src"))
        assert done.returncode == 0, done.stdout + done.stderr
    for message in ("data", "a second release"):
        run(["git", "add", "-A"], repository)
        run(["git", "commit", "-qm", message, "--allow-empty"], repository)
        for words in (["package"], ["deploy", "--env", "staging"]):
            done = mlgate(repository, *words)
            assert done.returncode == 0, done.stdout + done.stderr
    return repository


@pytest.fixture
def project(prepared, tmp_path):
    """A copy of it, of which nothing runs, to do anything to."""
    return copied(prepared, tmp_path)


@pytest.fixture
def call(monkeypatch, capsys, environ):
    """`call(folder, "ingest")`: a verb by the front door, in this process: exit code and what was said."""
    from mlgate.cli import main

    def _call(folder, *words):
        monkeypatch.chdir(folder)
        for name in ("MLGATE_STATE", "DVC_STAGE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
            monkeypatch.setenv(name, environ[name])
        capsys.readouterr()
        code = main(list(words))
        said = capsys.readouterr()
        return code, said.out + said.err

    return _call


def refused(call, folder, words, code, *told):
    """The verb ends with `code` and one message that names `told` and what to do next; the state is as before."""
    before = state(folder)
    found, said = call(folder, *words)
    assert found == code, said
    assert "Traceback" not in said
    flat = "".join(said.split())
    for text in told:
        assert "".join(text.split()) in flat, said
    errors = [line for line in said.splitlines() if line.lower().startswith("error: ")]
    if errors or code != 1:
        assert len(errors) == 1, said
        assert "next:" in said or "Try '" in said, said
    else:  # a red report
        checks = json.loads((folder / "reports" / f"{words[0]}.json").read_bytes())["checks"]
        assert any(check["mend"] for check in checks if check["status"] in ("fail", "error")), said
    assert state(folder) == before


# ---- Ctrl-C ----------------------------------------------------------------------------------------------------------


def edit(repository, old, new):
    path = repository / "params.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def table(repository):
    from sklearn.datasets import load_breast_cancer

    load_breast_cancer(as_frame=True).frame.to_csv(repository.parent / "cancer.csv", index=False)


def again(repository):
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "again"],
        cwd=repository, check=True,
    )  # fmt: skip


WORK = {  # what makes the verb do its whole work, and the call
    "ingest": (None, ("ingest", "--until", "2026-03-18")),
    "validate": (None, ("validate",)),
    "train": (lambda r: edit(r, "max_iter: 20", "max_iter: 21"), ("train",)),
    "evaluate": (lambda r: (r / "reports" / "evaluate.key.json").unlink(), ("evaluate",)),
    "prove": (None, ("prove", "--only", "floor")),
    "package": (again, ("package",)),
    "retrain": (None, ("retrain", "--until", "2026-03-23")),
    "adopt": (table, ("adopt", "../cancer.csv", "--target", "target")),
    "history": (None, ("history", "--env", "staging")),
    "doctor": (None, ("doctor",)),
    "dvc": (lambda r: edit(r, "max_iter: 20", "max_iter: 21"), ("dvc", "repro")),
}


@pytest.mark.parametrize("name", WORK)
def test_ctrl_c_leaves_each_file_old_or_new_and_the_verb_can_be_run_again(project, environ, run, name):
    prepare, words = WORK[name]
    if prepare:
        prepare(project)
    states, before = [state(project)], alive(project)
    for moment in (0.3, 1.5):
        code, said = Interrupted(project, environ, *words).when(moment)
        if name == "dvc":
            assert code != 0
        else:
            ended_well(code, said)
        assert alive(project) == before
        states.append(state(project))
    done = run(verb(project, *words), project, PYTHONPATH=str(project / "src"), OMP_NUM_THREADS="1")
    assert done.returncode in ((0, 1) if name == "doctor" else (0,)), done.stdout + done.stderr
    old, new = states[0], state(project)
    for seen in states[1:]:
        for path in {*old, *new, *seen} - {"dvc.lock"}:
            assert seen.get(path) in (old.get(path), new.get(path)), path


def ended_well(code, said):
    assert code in (QUIET_END, 130, 0, 1), said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    if code == 130:
        assert said.count("interrupted: ") == 1
    if code == QUIET_END:
        assert said.strip() == ""


@pytest.mark.parametrize("words", [("status",), ("replay", *STAGING), ("monitor", *STAGING), ("serve", *STAGING)])
def test_ctrl_c_in_a_verb_that_looks_leaves_the_service_alone(prepared, environ, words):
    before, running = state(prepared), alive(prepared)
    for moment in (0.3, 1.0):
        ended_well(*Interrupted(prepared, environ, *words).when(moment))
        assert version(prepared, "staging") == named(prepared, "staging")
    assert alive(prepared) == running
    assert state(prepared) == before


def named(repository, environment):
    """The version that the ledger names, or nothing."""
    words = ["git", "show", f"env/{environment}:release.json"]
    done = subprocess.run(words, cwd=repository, capture_output=True, check=False)
    return json.loads(done.stdout)["image"] if done.returncode == 0 else ""


def version(repository, environment):
    """The release that answers at the environment's port, or nothing."""
    folder = repository / ".mlgate" / "environments" / environment
    try:
        assert (
            httpx.get(f"http://127.0.0.1:{ports(repository)[environment]}/readyz", trust_env=False).status_code == 200
        )
    except httpx.HTTPError:
        return ""
    return json.loads((folder / "proxy.json").read_bytes())["replica"]["image"]


MOMENTS = {
    "early": lambda folder: 0.3,
    "the copy is started": lambda folder: count(folder, lambda: sorted(folder.glob("replicas/*.json"))),
    "the switch": lambda folder: count(folder, lambda: (folder / "upstream.json").exists() and
                                       (folder / "upstream.json").stat().st_mtime_ns),
}  # fmt: skip


def count(folder, look):
    before = look()
    return lambda: look() != before


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("deploy", *STAGING), "staging"),
        (("promote",), "production"),
        (("rollback", *STAGING), "staging"),
        (("serve", *STAGING, "--restart"), "staging"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_ctrl_c_in_a_rollout_leaves_what_the_ledger_names_serving(prepared, environ, mlgate, words, environment):
    folder = prepared / ".mlgate" / "environments" / environment
    if words[0] == "deploy":  # something new
        again(prepared)
        assert mlgate(prepared, "package").returncode == 0
    for name, moment in MOMENTS.items():
        ended_well(*Interrupted(prepared, environ, *words).when(moment(folder)))
        assert version(prepared, environment) == named(prepared, environment), name
        assert only_recorded(prepared), name
    done = mlgate(prepared, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert version(prepared, environment) == named(prepared, environment) != ""


def only_recorded(repository):
    """Whether every process belongs to a proxy or copy that is on record: nothing was left behind."""
    import psutil

    records = repository.glob(".mlgate/environments/*/replicas/*.json")
    roots = {json.loads(path.read_bytes())["pid"] for path in records}
    roots |= {json.loads(path.read_bytes())["pid"] for path in repository.glob(".mlgate/environments/*/proxy.json")}
    for pid in alive(repository):
        if psutil.pid_exists(pid):
            family = {pid, *(parent.pid for parent in psutil.Process(pid).parents())}
            if not family & roots:
                return False
    return True


# ---- services that die -----------------------------------------------------------------------------------------------


def test_a_service_killed_in_mid_replay_is_started_again_and_no_row_is_lost(prepared, environ, mlgate):
    replicas = prepared / ".mlgate" / "environments" / "staging" / "replicas"
    log = prepared.parent / "replay.txt"
    with log.open("wb") as stream:
        replay = subprocess.Popen(
            verb(prepared, "replay", *STAGING, "--days", "3"), cwd=prepared, stdout=stream, stderr=stream,
            env=environ | {"PYTHONPATH": str(prepared / "src"), "COLUMNS": "200"},
        )  # fmt: skip
    predictions = prepared / ".mlgate" / "environments" / "staging" / "predictions"
    size = sum(path.stat().st_size for path in predictions.rglob("*") if path.is_file())
    while replay.poll() is None and sum(p.stat().st_size for p in predictions.rglob("*") if p.is_file()) == size:
        time.sleep(0.01)
    os.kill(json.loads(next(replicas.glob("*.json")).read_bytes())["pid"], signal.SIGKILL)
    code, said = replay.wait(120), log.read_text()
    assert "Traceback" not in said
    assert code == 0 or ("error:" in said and "next:" in said), said
    done = mlgate(prepared, "serve", *STAGING)
    assert done.returncode == 0, done.stdout + done.stderr
    assert version(prepared, "staging") == named(prepared, "staging")
    assert "staging     pass" in mlgate(prepared, "status").stdout


def test_a_proxy_killed_is_told_by_status_and_mended_by_serve(prepared, mlgate):
    proxy = prepared / ".mlgate" / "environments" / "staging" / "proxy.json"
    os.kill(json.loads(proxy.read_bytes())["pid"], signal.SIGKILL)
    done = mlgate(prepared, "replay", *STAGING)
    assert (done.returncode, "does not run" in done.stderr) == (3, True)
    assert "not running" in mlgate(prepared, "status", COLUMNS="300").stdout
    assert mlgate(prepared, "serve", *STAGING).returncode == 0
    assert version(prepared, "staging") == named(prepared, "staging")


# ---- bad input -------------------------------------------------------------------------------------------------------

PARAMS = {
    "an unknown key": (lambda text: text + "\nfoo: 1\n", "foo"),
    "a wrong type": (lambda text: text.replace("  k: 2", "  k: two"), "monitor.k"),
    "case 25: a bomb": (lambda text: "a: &a [x, x]\nb: [*a, *a]\n" + text, "params.yaml:1"),
}


@pytest.mark.parametrize("fault", PARAMS)
def test_an_invalid_params_yaml_stops_every_verb(project, call, fault):
    table(project)
    change, told = PARAMS[fault]
    path = project / "params.yaml"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    for name, words in CALLS.items():
        told_by = () if name == "demo" else (told,)
        refused(call, project, (name, *words), 2, *told_by)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def elsewhere(path):
    path.rename(path.parents[2] / "other.parquet")
    path.symlink_to(path.parents[2] / "other.parquet")


SNAPSHOT = {
    "truncated": half,
    "a text file": lambda path: path.write_text("hello,world\n1,2\n"),
    "missing": Path.unlink,
    "case 7: a symlink": elsewhere,
}


@pytest.mark.parametrize("fault", SNAPSHOT)
def test_a_bad_snapshot_is_named_by_every_verb_that_reads_it(project, call, fault):
    SNAPSHOT[fault](project / "data" / "raw.parquet")
    refused(call, project, ("validate",), 1, "raw.parquet")
    refused(call, project, ("train",), 2 if "symlink" in fault else 1, "raw.parquet")
    refused(call, project, ("evaluate",), 1, "raw.parquet", "holdout")
    refused(call, project, ("package",), 1, "data/raw.parquet")
    refused(call, project, ("prove",), 2 if fault == "missing" else 1, "raw.parquet")


def test_missing_models_are_named(project, call):
    shutil.rmtree(project / "models")
    refused(call, project, ("evaluate",), 1, "model.json is missing", "run `mlgate train`")
    refused(call, project, ("package",), 1, "model.json is missing", "run `mlgate train`")
    refused(call, project, ("prove",), 2, "models/model.json is missing", "dvc repro")


class Canary:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_case_5_a_pickle_in_place_of_the_model_is_never_run(project, call, tmp_path):
    from mlgate.files import digest

    model, card = project / "models" / "model.skops", project / "models" / "model.json"
    model.write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    card.write_text(json.dumps(json.loads(card.read_bytes()) | {"digest": digest(model)}))
    for name in ("evaluate", "package", "prove"):
        refused(call, project, (name,), 1, "model-types" if name != "evaluate" else "refused by its first bytes")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["evaluate", "package", "prove"])
def test_case_5_a_model_with_one_bit_changed_is_not_the_one_of_its_card(project, call, name):
    path = project / "models" / "model.skops"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    refused(call, project, (name,), 1, "model.skops is not the file that its card names")


def test_case_11_a_tampered_holdout_is_red(project, call):
    path = project / "models" / "holdout.parquet"
    frame = pd.read_parquet(path)
    frame.loc[frame.index[0], "target"] = 1 - frame.loc[frame.index[0], "target"]
    frame.to_parquet(path)
    refused(call, project, ("evaluate",), 1, "target of row 0 is not that of the data")
    refused(call, project, ("package",), 1, "red: holdout")
    refused(call, project, ("prove",), 1, "target of row 0 is not that of the data")


def forget(project, *environments):
    """As if nothing had ever been deployed: neither the branch nor the memory of it is there."""
    for environment in environments:
        for ref in ("heads", "mlgate/seen"):
            command = ["git", "update-ref", "-d", f"refs/{ref}/env/{environment}"]
            subprocess.run(command, cwd=project, check=True)


def test_a_port_in_use_is_named_before_anything_changes(project, call):
    give_ports(project)
    port = ports(project)["staging"]
    forget(project, "staging")
    with socket.create_server(("127.0.0.1", port)):
        image = json.loads(next(project.glob(".mlgate/releases/*/release.json")).read_bytes())["image"]
        refused(call, project, ("deploy", *STAGING, "--release", image), 3, str(port), "serving.ports.staging")


NOTHING_YET = {
    ("promote",): (1, "nothing in staging"),
    ("rollback", "--env", "production"): (1, "production"),
    ("monitor",): (2, "production"),
    ("replay", "--env", "production"): (3, "production"),
    ("serve", "--env", "production"): (1, "production"),
    ("monitor", "--env", "nowhere"): (2, "nowhere"),
    ("deploy", "--env", "nowhere"): (2, "nowhere"),
    ("deploy", "--env", "production"): (2, "mlgate promote"),
    ("deploy", *STAGING, "--release", "123456789"): (1, "123456789"),
    ("ingest", "--until", "yesterday"): (2, "yesterday"),
    ("ingest", "--until", "2020-01-01"): (2, "data.source"),
    ("retrain", "--until", "yesterday"): (2, "yesterday"),
    ("monitor", "--as-of", "soon"): (2, "soon"),
    ("prove", "--only", "nothing"): (2, "nothing"),
    ("replay", *STAGING, "--drift", "much"): (2, "much"),
    ("adopt", "nowhere.csv", "--target", "y"): (2, "nowhere.csv"),
}


@pytest.mark.parametrize("words", NOTHING_YET, ids=" ".join)
def test_a_call_that_makes_no_sense_is_refused_with_what_would(project, call, words):
    forget(project, "staging", "production")
    refused(call, project, words, *NOTHING_YET[words])


def test_a_damaged_mlflow_database_is_exit_3_and_the_model_stays(project, call):
    (project / ".mlgate" / "mlflow.db").write_bytes(b"no database " * 500)
    edit(project, "max_iter: 20", "max_iter: 22")
    refused(call, project, ("train",), 3, "mlflow.db", "MLFLOW_TRACKING_URI")


@pytest.fixture
def read_only():
    """`read_only(folder)`: nobody can write there until the test is over; root, whom rights don't stop, by a mount."""
    mounted, closed = set(), {}

    def _read_only(folder):
        if os.geteuid() != 0:
            for path in [folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())]:
                closed[path] = path.stat().st_mode
                path.chmod(0o555)
            return
        for options in (["--bind", folder, folder], ["-o", "remount,ro,bind", folder]):
            subprocess.run(["mount", *options], capture_output=True, check=True)
            mounted.add(folder)

    yield _read_only
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)
    for path, mode in closed.items():
        path.chmod(mode)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("reports", "validate"),
        ("reports", "status"),
        (".mlgate", "package"),
        (".mlgate", "train"),
        ("data", "ingest"),
        (".git", "deploy"),
        (".mlgate", "deploy"),
        (".git", "retrain"),
        ("src", "adopt"),
        ("reports", "monitor"),
    ],
)
def test_case_19_a_read_only_folder_is_exit_3_and_named(project, call, read_only, folder, name):
    if name == "package":
        again(project)
    if name == "train":
        edit(project, "max_iter: 20", "max_iter: 24")
    if name == "adopt":
        table(project)
    if name == "deploy":
        give_ports(project)
        forget(project, "staging")
    read_only(project / folder)
    words = WORK[name][1] if name in ("ingest", "retrain", "adopt") else (name, *CALLS[name])
    refused(call, project, words, 3, folder)


def test_what_is_not_committed_is_not_packaged(project, call):
    (project / "notes.txt").write_text("mine")
    refused(call, project, ("package",), 1, "not committed: notes.txt")


def test_without_a_git_identity_doctor_says_how_to_give_one(project, run, tmp_path):
    (tmp_path / "gitconfig").write_text("")
    done = run(verb(project, "doctor"), project, GIT_CONFIG_GLOBAL=str(tmp_path / "gitconfig"), COLUMNS="200")
    assert done.returncode == 1
    assert "Git has no identity" in done.stdout
    assert "git config user.name NAME" in done.stdout


def test_a_detached_head_is_as_good_as_a_branch(project, call):
    subprocess.run(["git", "checkout", "-q", "--detach"], cwd=project, check=True)
    for name, code in (("validate", 0), ("evaluate", 0), ("history", 0)):
        found, said = call(project, name, *CALLS[name])
        assert found == code, said


def test_without_git_every_verb_that_needs_it_says_so(project, call):
    shutil.rmtree(project / ".git")
    table(project)
    for name in ("validate", "evaluate", "package", "promote", "rollback", "history", "serve", "monitor"):
        words = ("../cancer.csv", "--target", "target") if name == "adopt" else CALLS[name]
        code, said = call(project, name, *words)
        assert code == 3, (name, said)
        assert "Traceback" not in said
        assert said.count("error: ") == 1, said
        assert "next:" in said, said


# ---- the demo --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh(project_copy, run, module_folder, ended):
    def _fresh():
        repository = project_copy(module_folder("demo"))
        give_ports(repository)
        shrink(repository)
        run(["git", "commit", "-qam", "a small world"], repository)
        ended(repository)
        return repository

    return _fresh


def told(repository, words, text):
    log = repository.parent / words
    return lambda: log.exists() and text in log.read_text(errors="replace")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_demo_names_a_port_in_use_before_it_begins(fresh, call, environment):
    repository = fresh()
    port = ports(repository)[environment]
    with socket.create_server(("127.0.0.1", port)):
        refused(call, repository, ("demo",), 3, str(port), f"serving.ports.{environment}")
    assert not (repository / "data" / "raw.parquet").exists()


@pytest.mark.thorough
def test_a_demo_that_is_interrupted_stops_what_it_started_and_says_so(fresh, environ):
    repository = fresh()
    folder = repository / ".mlgate" / "environments" / "staging"
    demo = Interrupted(repository, environ, "demo")
    code, said = demo.when(lambda: (folder / "proxy.json").exists())
    assert code == 130, said
    assert "Traceback" not in said
    assert "Stopped: staging" in said
    assert said.count("interrupted: ") == 1
    deadline = time.monotonic() + 10
    while alive(repository) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive(repository) == set()


@pytest.mark.thorough
def test_a_demo_whose_service_is_killed_ends_with_one_message_and_no_process(fresh, environ):
    repository = fresh()
    proxy = repository / ".mlgate" / "environments" / "staging" / "proxy.json"
    log = repository.parent / "demo.txt"
    with log.open("wb") as stream:
        demo = subprocess.Popen(
            verb(repository, "demo"), cwd=repository, stdout=stream, stderr=stream, start_new_session=True,
            env=environ | {"PYTHONPATH": str(repository / "src"), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    while demo.poll() is None and " deploy " not in log.read_text(errors="replace"):
        time.sleep(0.02)
    if demo.poll() is None:
        os.kill(json.loads(proxy.read_bytes())["pid"], signal.SIGKILL)
    code, said = demo.wait(200), log.read_text()
    assert "Traceback" not in said
    assert code == 0 or (said.count("error: ") >= 1 and "next:" in said), said
    deadline = time.monotonic() + 10
    while alive(repository) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive(repository) == set()
