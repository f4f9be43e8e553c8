"""ingest, validate, train and package: a second run changes nothing, a bad input changes nothing, Git stays clean."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_world import commit, report, repro, rows, tree, verdicts

from mlgate.engine.pids import alone
from mlgate.packing.release import check_release, image_digest, read_card
from mlgate.versions import snapshot

Call = Callable[..., tuple[int, str]]
Run = Callable[..., Any]


def status(folder: Path, run: Run) -> str:
    return str(run(["git", "status", "--porcelain"], folder).stdout)


def test_after_the_pipeline_git_status_is_clean_and_everything_is_recorded(trained: Path, run: Run) -> None:
    assert status(trained, run) == ""
    card = read_card(trained / "models")
    said = json.loads((trained / "data" / "split.json").read_bytes())
    assert said["data_digest"] == card.data_digest
    assert said["holdout_digest"] == card.holdout_digest
    assert card.trained_until is not None


def test_a_second_run_of_everything_does_nothing(project: Path, run: Run, call: Call) -> None:
    before = tree(project)
    done = repro(project, run)
    assert done.returncode == 0, done.stdout + done.stderr
    for stage in ("ingest", "validate", "train"):
        assert f"Stage '{stage}' didn't change, skipping" in done.stdout
    code, said = call(project, "ingest")
    assert (code, "nothing new" in said) == (0, True)
    code, said = call(project, "train")
    assert (code, "nothing changed" in said) == (0, True)
    assert tree(project) == before
    assert status(project, run) == ""


def test_verbs_alone_record_what_dvc_would(newborn: Path, run: Run, call: Call) -> None:
    for verb in ("ingest", "validate", "train"):
        assert call(newborn, verb)[0] == 0
    commit(newborn, run, "data and model")
    done = repro(newborn, run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert status(newborn, run) == ""


def test_a_newer_snapshot_is_told_remembered_and_retrained_on(project: Path, call: Call) -> None:
    old = rows(project)
    code, said = call(project, "ingest", "--until", "2026-04-06")
    new = rows(project)
    assert code == 0
    assert len(new) > len(old)
    assert f"{len(new) - len(old):,} added, 0 removed" in said
    content = (project / "data" / "raw.parquet").read_bytes()
    assert call(project, "ingest")[0] == 0
    assert (project / "data" / "raw.parquet").read_bytes() == content
    code, said = call(project, "train")
    assert code == 1
    assert "run `mlgate validate` first" in said


def test_a_damaged_snapshot_is_mended_by_a_new_one(project: Path, call: Call) -> None:
    path = project / "data" / "raw.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    code, said = call(project, "validate")
    assert (code, "mlgate ingest" in said) == (1, True)
    assert call(project, "ingest")[0] == 0
    assert path.read_bytes() == content


@pytest.mark.parametrize("until", ["yesterday", "2026-13-01", "2026-05-01T00:00+02:00"])
def test_a_date_that_is_none_is_a_usage_error_that_changes_nothing(project: Path, call: Call, until: str) -> None:
    before = tree(project)
    code, said = call(project, "ingest", "--until", until)
    assert (code, f"--until {until}" in said) == (2, True)
    assert tree(project) == before


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.head(0), "0 rows"),
        (lambda f: f.head(5), "5 rows"),
        (lambda f: f.assign(is_fraud=0), "one label only"),
        (lambda f: f.assign(amount=float("inf")), "amount"),
        (lambda f: f.drop(columns="is_fraud"), "missing: is_fraud"),
    ],
)
def test_rows_that_cannot_be_learnt_are_refused_and_the_former_split_stays(
    project: Path, call: Call, spoil: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    former = (project / "data" / "split.json").read_bytes()
    (project / "data" / "raw.parquet").write_bytes(snapshot.encode(spoil(rows(project))))
    code, said = call(project, "validate")
    assert code == 1
    assert words in " ".join(said.split())
    assert (project / "data" / "split.json").read_bytes() == former


def test_without_a_snapshot_each_verb_says_what_to_run(newborn: Path, call: Call) -> None:
    for verb, words in (("validate", "mlgate ingest"), ("train", "mlgate validate"), ("package", "mlgate train")):
        code, said = call(newborn, verb)
        assert (code, words in said) == (1, True), said


def test_mlflow_out_of_reach_is_exit_3_and_the_former_model_stays(
    project: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("max_iter: 20", "max_iter: 21"))
    before = tree(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, said = call(project, "train")
    assert code == 3
    assert "MLflow at http://127.0.0.1:9 failed" in said
    assert "secret" not in said
    assert tree(project) == before


def test_a_changed_number_gives_another_model_and_another_version(project: Path, call: Call) -> None:
    former = read_card(project / "models")
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("max_iter: 20", "max_iter: 21"))
    code, said = call(project, "train")
    assert code == 0
    assert "small-world version 2" in said
    assert read_card(project / "models").digest != former.digest


def test_a_release_is_its_digest_and_carries_where_it_came_from(packaged: Path, run: Run) -> None:
    (folder,) = (packaged / ".mlgate" / "releases").iterdir()
    release = check_release(folder)
    assert image_digest(folder) == release.image == f"sha256:{folder.name}"
    assert release.source_commit == run(["git", "rev-parse", "HEAD"], packaged).stdout.strip()
    assert release.model_version == "1"
    assert release.metrics["average_precision"].low is not None
    labels = (folder / "bento.yaml").read_text()
    for told in (release.data_digest, release.source_commit, release.model_digest, "average_precision"):
        assert told in labels
    golden = json.loads((folder / "src" / "artifacts" / "golden.json").read_bytes())
    assert len(golden["rows"]) == len(golden["scores"]) == 20
    assert status(packaged, run) == ""


def test_packaging_twice_builds_once_and_from_scratch_gives_the_same_digest(packaged: Path, call: Call) -> None:
    (folder,) = (packaged / ".mlgate" / "releases").iterdir()
    record = (folder / "release.json").read_bytes()
    code, said = call(packaged, "package")
    assert (code, "packaged already" in said) == (0, True)
    assert (folder / "release.json").read_bytes() == record
    (folder / "src" / "params.yaml").write_text("tampered: yes\n")
    assert call(packaged, "package")[0] == 0
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]
    assert check_release(folder).image == f"sha256:{folder.name}"


@pytest.mark.parametrize("name", ["notes.txt", "src/model/features.py"])
def test_what_is_not_committed_is_not_packaged(project: Path, call: Call, name: str) -> None:
    with (project / name).open("a") as stream:
        stream.write("# a change\n")
    code, said = call(project, "package")
    assert (code, name in said) == (1, True)
    assert verdicts(project, "package")["clean-tree"] == "fail"
    assert not (project / ".mlgate" / "releases").exists()


def test_a_model_below_the_floor_is_not_packaged(project: Path, call: Call, run: Run) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("threshold: 0.02", "threshold: 0.99"))
    commit(project, run, "a floor that nothing clears")
    assert call(project, "package")[0] == 1
    assert verdicts(project, "package")["verdict"] == "fail"
    assert not (project / ".mlgate" / "releases").exists()


def test_case_5_a_model_swapped_after_training_is_not_packaged(project: Path, call: Call) -> None:
    (project / "models" / "model.skops").write_bytes(b"\x80\x05cos\nsystem\n")
    assert call(project, "package")[0] == 1
    assert report(project, "package")["checks"][-1]["id"] == "model-digest"
    assert not (project / ".mlgate" / "releases").exists()
    assert os.path.lexists(project / "models")


def test_case_34_a_retrained_model_that_is_worse_makes_no_branch_and_the_report_says_why(
    project: Path, call: Call, run: Run
) -> None:
    """Labels that say nothing of the rows: what is learnt from them can't be better than chance."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("threshold: 0.02", "threshold: 0.05"))  # chance: 0.023
    source = project / "src" / "model" / "data.py"
    shuffled = "frame[params.data.target].sample(frac=1, random_state=1).to_numpy()"
    more = "frame = plain(params, until)\n    frame[params.data.target] = " + shuffled
    source.write_text(
        source.read_text() + f"\n\nplain = load\n\n\ndef load(params, until=None):\n    {more}\n    return frame\n"
    )
    commit(project, run, "shuffled labels")
    code, said = call(project, "retrain", "--until", "2026-04-04")
    assert code == 1, said
    assert verdicts(project, "retrain")["floor"] == "fail"
    told = report(project, "retrain")
    assert "No branch was made: a gate is red. The model in production stays." in told["notes"]
    (floor,) = (check for check in told["checks"] if check["id"] == "floor")
    assert "lower bound" in floor["evidence"]
    assert floor["mend"]
    assert run(["git", "rev-parse", "-q", "--verify", "mlgate/retrain"], project).returncode != 0
    assert status(project, run) == ""


def test_a_retrain_that_waits_for_another_says_so(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlgate.worktree.LOCK_SECONDS", 3)
    with alone(project / ".mlgate" / "worktree-retrain.lock", 1, "retraining"):
        code, said = call(project, "retrain", "--until", "2026-04-04")
    assert code == 3
    assert said.index("another retrain is under way here: waiting for its end") < said.index("for 3 s")
