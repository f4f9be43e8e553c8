"""`validate --against`: what a pull request changes in data and thresholds, compared with the commit it would join."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_world import Run, commit, report, verdicts

from mlgate.versions import snapshot


@pytest.fixture
def change(project: Path, run: Run) -> Path:
    """A branch that could become a pull request."""
    assert run(["git", "switch", "-q", "-c", "change"], project).returncode == 0
    return project


def test_the_same_data_and_thresholds_are_said_to_be_the_same(change: Path, call) -> None:
    code, said = call(change, "validate", "--against", "main")
    assert code == 0, said
    checks = {check["id"]: check for check in report(change, "validate")["checks"]}
    assert checks["data-change"]["evidence"] == "the same rows"
    assert checks["thresholds"]["status"] == "pass"


def test_new_rows_are_counted_and_a_column_that_moved_is_named(change: Path, call) -> None:
    frame = pd.read_parquet(change / "data" / "raw.parquet")
    frame["amount"] = frame["amount"] * 1.5
    (change / "data" / "raw.parquet").write_bytes(snapshot.encode(frame.iloc[:-100]))
    call(change, "validate", "--against", "main")
    (check,) = [check for check in report(change, "validate")["checks"] if check["id"] == "data-change"]
    assert check["observed"] == -100
    assert "100 removed" in check["evidence"]
    assert "amount: moved" in check["evidence"]
    assert "transaction_id" not in check["evidence"]


def test_case_1_thresholds_set_to_nothing_are_red_until_an_owner_agrees(change: Path, call, run: Run) -> None:
    params = change / "params.yaml"
    text = params.read_text().replace("threshold: 0.02", "threshold: 0.0").replace("margin: 0.04", "margin: 0.9")
    params.write_text(text)
    commit(change, run, "harmless refactoring")
    code, said = call(change, "validate", "--against", "main")
    assert code == 1
    assert verdicts(change, "validate")["thresholds"] == "fail"
    assert "gates.floor.threshold: 0.02 became 0.0" in " ".join(said.split())
    code, said = call(change, "validate", "--against", "main", "--thresholds-approved")
    assert code == 0, said
    assert "approved" in said


def test_without_a_former_data_version_the_rest_is_judged(change: Path, call, run: Run) -> None:
    root = run(["git", "rev-list", "--max-parents=0", "HEAD"], change).stdout.strip()
    code, said = call(change, "validate", "--against", root)
    assert code == 0, said
    assert "the first data version" in said


@pytest.mark.parametrize("ref", ["origin/main", "--upload-pack=x", "$(touch x)"])
def test_a_commit_that_this_clone_lacks_is_a_configuration_error(change: Path, call, ref: str) -> None:
    code, said = call(change, "validate", f"--against={ref}")
    assert code == 2
    assert "git fetch" in said


def test_data_that_left_git_are_compared_through_dvc(change: Path, call, run: Run) -> None:
    """The former version lies in DVC's cache alone."""
    text = (change / "dvc.yaml").read_text()
    (change / "dvc.yaml").write_text(
        text.replace("          cache: false      # small", "          cache: true # small")
    )
    (change / ".gitignore").write_text((change / ".gitignore").read_text() + "/data/raw.parquet\n")
    assert run(["git", "rm", "-q", "--cached", "data/raw.parquet"], change).returncode == 0
    code, said = call(change, "ingest")
    assert code == 0, said
    done = run(["dvc", "commit", "-f", "ingest"], change)
    assert done.returncode == 0, done.stderr
    commit(change, run, "data leave Git")
    frame = pd.read_parquet(change / "data" / "raw.parquet")
    (change / "data" / "raw.parquet").unlink()
    (change / "data" / "raw.parquet").write_bytes(snapshot.encode(frame.iloc[:-7]))
    call(change, "validate", "--against", "HEAD")
    (check,) = [check for check in report(change, "validate")["checks"] if check["id"] == "data-change"]
    assert check["observed"] == -7, check
