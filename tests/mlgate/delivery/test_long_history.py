"""Thousands of releases cost as many questions to Git as two; an older one is known, in a shallow clone as well."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from long_history import ledger_of, main_of, releases_of
from toy_repository import git

from mlgate import cli
from mlgate.ledger import Ledger, plumbing
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.provenance import history, policy
from mlgate.report import Report

MANY = 300
Counted = Callable[[Callable[[], object]], int]


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """How many processes something starts."""
    started: list[object] = []
    real = subprocess.Popen.__init__

    def counted(self: object, *arguments: object, **more: object) -> None:
        started.append(arguments)
        real(self, *arguments, **more)

    monkeypatch.setattr(subprocess.Popen, "__init__", counted)

    def count(work: Callable[[], object]) -> int:
        started.clear()
        work()
        return len(started)

    return count


@pytest.fixture
def many(project: Project) -> list[Release]:
    releases = releases_of(main_of(project.root, MANY))
    ledger_of(project.root, releases)
    return releases


def replayed(project: Project, release: Release, rollback: bool = False) -> str:
    known = history.formers(project, "staging", release)
    return policy.not_replayed(release, known, "staging", rollback).status


def test_whether_a_release_is_older_takes_no_more_questions_for_thousands(
    project: Project, many: list[Release], questions: Counted
) -> None:
    new = releases_of(main_of(project.root, 1), MANY)[0]
    assert replayed(project, new) == "pass"
    assert replayed(project, many[MANY // 2]) == "fail"
    assert replayed(project, many[MANY // 2], rollback=True) == "pass"
    assert replayed(project, many[-1]) == "pass"
    for release in (new, many[0], many[MANY // 2]):
        assert questions(lambda release=release: replayed(project, release)) < 12


def test_only_what_came_after_counts_as_newer(project: Project, many: list[Release]) -> None:
    found = history.formers(project, "staging", many[100])
    assert [former.source_commit for former in found if former.descends] == [
        release.source_commit for release in many[:100:-1]
    ]


def test_every_release_of_the_same_data_is_traced_by_a_handful_of_questions(
    project: Project, many: list[Release], questions: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    assert questions(lambda: cli.main(["lineage", many[0].data_digest])) < 20
    found = Report.read(project.reports / "lineage.json").checks
    assert sum(check.id.endswith("/staging") for check in found) == MANY
    assert {check.evidence for check in found if check.id == f"{many[7].version}/source"} == {
        f"{many[7].source_commit[:12]} by a <a@b>, 2026-01-01T08:00:00+00:00: commit 7"
    }


def test_a_branch_is_read_once_a_call_however_often_it_is_asked(
    project: Project, many: list[Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    read: list[int] = []
    real = plumbing.objects
    monkeypatch.setattr(
        "mlgate.ledger.entry.objects", lambda folder, names: read.append(len(names)) or real(folder, names)
    )
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    assert cli.main(["status"]) == 0
    assert read == [MANY]


@pytest.mark.parametrize("known", [True, False])
def test_case_12_an_older_release_is_refused_in_a_clone_that_never_saw_the_newer_one(
    project: Project, many: list[Release], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """A job that is run again months later, on a shallow clone of its old commit; staging was rolled back since."""
    ledger, old = Ledger(project), many[10]
    ledger.restore("staging", ledger.entries("staging")[-1].commit, "rollback(staging): to the very first", {})
    git(project.root, "branch", "-q", "old", old.source_commit)
    origin, clone = f"file://{project.root}", tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=old", origin, str(clone))
    git(clone, "fetch", "-q", "--depth=1000", "origin", "env/staging:refs/heads/env/staging")
    monkeypatch.setenv("MLGATE_REMOTE", "origin" if known else "")
    found = policy.not_replayed(old, history.formers(Project(clone), "staging", old), "staging", rollback=False)
    assert found.status == ("fail" if known else "error"), found.evidence
    assert found.mend
    back = policy.not_replayed(old, history.formers(Project(clone), "staging", old), "staging", rollback=True)
    assert back.status == "pass"


def test_a_commit_whose_subject_holds_what_separates_others_is_told(project: Project) -> None:
    releases = releases_of(main_of(project.root, 2))
    ledger_of(project.root, releases)
    tree = git(project.root, "rev-parse", "env/staging^{tree}")
    words = ["commit-tree", tree, "-p", "env/staging", "-m", "by hand\x01\x1f \x02and odd"]
    odd = git(project.root, "-c", "user.name=a", "-c", "user.email=a@b", *words)
    git(project.root, "update-ref", "refs/heads/env/staging", odd)
    entries = Ledger(project).entries("staging")
    assert entries[0].commit == odd
    assert [entry.release for entry in entries] == [releases[1], releases[1], releases[0]]
