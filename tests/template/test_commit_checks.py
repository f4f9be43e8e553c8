"""The checks before a commit: each refuses its bad input with a line that says what to do, and passes the good one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from mlgate.hooks import dvc_status, governance_schema, large_files, params_schema, private_keys


@pytest.fixture
def project(project_copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repository = project_copy(tmp_path)
    monkeypatch.chdir(repository)
    return repository


def edit(path: Path, **changes: object) -> None:
    """Set keys of a YAML file; `review__last=…` sets a nested one."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        *sections, last = key.split("__")
        inner = content
        for section in sections:
            inner = inner[section]
        inner[last] = value
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def test_a_project_just_baked_passes_every_check(project, run) -> None:
    files = run(["git", "ls-files", "-z"], project).stdout.strip("\0").split("\0")
    assert [check.main(files) for check in (large_files, private_keys)] == [0, 0]
    assert [check.main([]) for check in (params_schema, governance_schema, dvc_status)] == [0, 0, 0]


def test_a_file_over_10_mb_is_refused_and_one_of_10_mb_is_not(tmp_path, capsys) -> None:
    large, limit = tmp_path / "large.csv", tmp_path / "limit.csv"
    for path, size in ((large, large_files.LIMIT + 1), (limit, large_files.LIMIT)):
        with path.open("wb") as stream:
            stream.truncate(size)
    assert large_files.main([str(limit)]) == 0
    assert large_files.main([str(limit), str(large), str(tmp_path / "deleted.csv")]) == 1
    assert "large.csv has 10.0 MB, more than 10: keep it with DVC" in capsys.readouterr().err


@pytest.mark.parametrize(
    "first_line",
    [
        "-----BEGIN {} PRIVATE KEY-----".format("RSA"),
        "-----BEGIN {}PRIVATE KEY-----".format(""),
        "-----BEGIN {} PRIVATE KEY-----".format("OPENSSH"),
        "-----BEGIN {} PRIVATE KEY BLOCK-----".format("PGP"),
        "-----BEGIN ENCRYPTED {} PRIVATE KEY-----".format("COSIGN"),
        "PuTTY-User-Key-File-{}: ssh-ed25519".format("3"),
        "AGE-SECRET-KEY-1" + "Q" * 58,
    ],
)
def test_a_private_key_is_refused_wherever_it_stands_in_a_file(tmp_path, capsys, first_line: str) -> None:
    path = tmp_path / "notes.md"
    path.write_text(f"# How to\n\n    {first_line}\n", encoding="utf-8")
    assert private_keys.main([str(path)]) == 1
    assert "notes.md holds a private key: take it out" in capsys.readouterr().err


def test_a_public_key_is_no_private_key(tmp_path) -> None:
    path = tmp_path / "key.pub"
    path.write_text("-----BEGIN PUBLIC KEY-----\n", encoding="utf-8")
    assert private_keys.main([str(path)]) == 0


def test_an_unknown_key_in_params_yaml_is_refused_by_name(project, capsys) -> None:
    edit(project / "params.yaml", gates__treshold=0.1)
    assert params_schema.main([]) == 1
    assert "gates.treshold: unknown key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owners__accountable": ""}, "owners.accountable"),
        ({"risk_class": "low"}, "risk_class"),
        ({"lawful_basis": "none"}, "lawful_basis"),
        ({"retention__predictions": "forever"}, "retention.predictions"),
        ({"review__last": "2026-01-01"}, "review.last"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_governance_that_leaves_a_question_open_is_refused_by_key(project, capsys, change, words) -> None:
    edit(project / "governance" / "model.yaml", **change)
    assert governance_schema.main([]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("days", "words"),
    [(-1, "a day that has not come"), (26 * 7 + 1, "the review was due on"), (26 * 7 - 1, ""), (0, "")],
)
def test_a_review_is_refused_when_overdue_or_dated_ahead(project, capsys, days: int, words: str) -> None:
    edit(project / "governance" / "model.yaml", review__last=datetime.now(UTC).date() - timedelta(days=days))
    assert governance_schema.main([]) == (1 if words else 0)
    assert words in capsys.readouterr().err


def test_data_that_is_not_what_dvc_lock_names_is_refused(project, capsys) -> None:
    raw = project / "data" / "raw.parquet"
    raw.write_bytes(b"rows")
    named = hashlib.md5(b"rows", usedforsecurity=False).hexdigest()
    lock = {"schema": "2.0", "stages": {"ingest": {"cmd": "mlgate ingest", "outs": [{"path": "data/raw.parquet"}]}}}
    lock["stages"]["ingest"]["outs"][0]["md5"] = named
    (project / "dvc.lock").write_text(yaml.safe_dump(lock), encoding="utf-8")
    assert dvc_status.main([]) == 0
    raw.write_bytes(b"other rows")
    assert dvc_status.main([]) == 1
    assert "data/raw.parquet is not what dvc.lock names for ingest" in capsys.readouterr().err
