"""What production asks of a release before it takes it, and who may stop it: soak, watch, freeze, name, contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from toy_repository import commit_all, git, make_release, toy_release

from mlgate.cli import main
from mlgate.ledger import Ledger, approver, run_url
from mlgate.ledger.contract import differences
from mlgate.ledger.entry import Entry
from mlgate.ledger.promotion import soak_check
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Check, Report

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = (make_release(name).model_copy(update={"built": NOW - 100 * HOUR}) for name in "ab")


def entry(release: Release, when: datetime, **trailers: str) -> Entry:
    return Entry("c" * 40, when.isoformat(), "", release, trailers)


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        ([entry(A, NOW - 7 * HOUR)], "pass"),
        ([entry(A, NOW - 5 * HOUR)], "fail"),
        ([entry(A, NOW - 1 * HOUR, Freeze="audit"), entry(A, NOW - 7 * HOUR)], "pass"),  # a freeze changes no release
        ([entry(A, NOW - 1 * HOUR), entry(B, NOW - 3 * HOUR), entry(A, NOW - 99 * HOUR)], "fail"),  # it was away
    ],
)
def test_a_release_soaks_from_the_commit_that_brought_it(entries: list[Entry], status: str) -> None:
    assert soak_check(entries, 6 * HOUR, NOW).status == status
    assert soak_check(entries, None, NOW).status == "skip"


def test_case_20_a_date_in_the_future_is_called_one_and_a_person_can_vouch_for_it() -> None:
    entries = [entry(A, NOW + 24 * HOUR)]
    check = soak_check(entries, 6 * HOUR, NOW)
    assert (check.status, "1 day, 0:00:00 ahead of this machine's clock" in check.evidence) == ("error", True)
    assert "--waive-soak" in check.mend
    check = soak_check(entries, 6 * HOUR, NOW, "the laptop's clock (Ada)")
    assert (check.status, "waived: the laptop's clock (Ada)" in check.evidence) == ("pass", True)
    assert soak_check([entry(A, NOW + timedelta(minutes=1))], 6 * HOUR, NOW).status == "fail"  # clocks differ a little


def test_case_20_a_date_in_the_past_lets_nothing_pass_early() -> None:
    late = entry(A, NOW - 24 * HOUR)  # by a clock that was a day behind
    check = soak_check([late, entry(B, NOW - 2 * HOUR)], 6 * HOUR, NOW)
    assert (check.status, check.observed) == ("fail", 2.0)
    assert "counted from there" in check.evidence
    built = A.model_copy(update={"built": NOW - 1 * HOUR})
    assert soak_check([entry(built, NOW - 24 * HOUR)], 6 * HOUR, NOW).observed == 1.0
    assert soak_check([late, entry(B, NOW + 50 * HOUR)], 6 * HOUR, NOW).status == "pass"  # a parent's date is no block


def test_case_20_summer_time_adds_no_hour() -> None:
    before = datetime.fromisoformat("2026-03-29T01:30:00+01:00")
    after = datetime.fromisoformat("2026-03-29T03:30:00+02:00")  # an hour later, though the clock says two
    check = soak_check([entry(A, before)], 2 * HOUR, after)
    assert (check.status, check.observed) == ("fail", 1.0)


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as current folder, with nothing that runs releases: what counts is the ledger."""
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    monkeypatch.setattr("mlgate.engine.rollout.mirrored", lambda project, release: "no MLflow here")
    for name in ("MLGATE_APPROVED_BY", "GITHUB_ACTOR", "GITHUB_RUN_ID", "MLGATE_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    return project


def soak(project: Project, value: str) -> None:
    path = project.root / "params.yaml"
    path.write_text(path.read_text() + f"deploy: {{soak: {value}}}\n")
    commit_all(project.root, "soak")


def deployed(project: Project, seed: str, **files: dict[str, object]) -> Release:
    commit_all(project.root, seed)
    release = toy_release(project, seed, artifacts={f"{name}.json": json.dumps(said) for name, said in files.items()})
    assert main(["deploy", "--env", "staging"]) == 0
    return release


def said(project: Project, verb: str) -> dict[str, Check]:
    return {check.id: check for check in Report.read(project.reports / f"{verb}.json").checks}


def test_promotion_waits_for_the_soak_or_for_someone_who_says_why_not(here: Project) -> None:
    soak(here, "6h")
    deployed(here, "a")
    assert main(["promote"]) == 1
    assert said(here, "promote")["soak"].status == "fail"
    assert Ledger(here).head("production") == ""
    assert main(["promote", "--waive-soak", "hotfix 12", "--approved-by", "Ada"]) == 0
    assert Ledger(here).entries("production")[0].trailers["Soak-Waived"] == "hotfix 12"
    assert "waived: hotfix 12 (Ada)" in said(here, "promote")["soak"].evidence


CLOCK = """
import sys, time
from mlgate.cli import main
print(time.time())
sys.exit(main(sys.argv[1:]))
"""


def with_clock(project: Project, offset: str, *words: str, library: str) -> int:
    environ = {**os.environ, "LD_PRELOAD": library, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    environ["PYTHONPATH"] = str(Path(sys.modules["mlgate"].__file__ or "").parents[1])
    done = subprocess.run([sys.executable, "-c", CLOCK, *words], cwd=project.root, env=environ, capture_output=True)
    shift = float(done.stdout.split()[0]) - datetime.now(UTC).timestamp()
    assert abs(abs(shift) - 86_400) < 600, done  # the library was there
    return done.returncode


@pytest.mark.parametrize(("offset", "status"), [("+1d", "error"), ("-1d", "fail")])
def test_case_20_a_deploy_by_a_clock_a_day_off_passes_no_soak_and_keeps_its_order(
    here: Project, faketime: str, offset: str, status: str
) -> None:
    soak(here, "6h")
    a = deployed(here, "a")
    commit_all(here.root, "b")
    b = toy_release(here, "b")
    assert with_clock(here, offset, "deploy", "--env", "staging", library=faketime) == 0
    assert [entry.release for entry in Ledger(here).entries("staging")] == [b, a]
    assert main(["promote"]) == 1
    assert said(here, "promote")["soak"].status == status
    assert main(["rollback", "--env", "staging"]) == 0
    assert Ledger(here).read("staging") == a


def test_staging_that_moves_on_while_production_is_decided_is_not_what_was_approved(
    here: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(here, "a")
    files = Ledger.files

    def overtake(self: Ledger, env: str, names: tuple[str, ...]) -> dict[str, bytes]:
        Ledger(here).write("staging", make_release("faster"), {}, "deploy(staging): faster", {"Approved-By": "Eve"})
        return files(self, env, names)

    monkeypatch.setattr(Ledger, "files", overtake)
    assert main(["promote"]) == 3
    words = capsys.readouterr().err
    assert "overtaken: env/staging is now at" in words
    assert "deploy(staging): faster, by Eve" in words
    assert Ledger(here).head("production") == ""


@pytest.mark.parametrize("verb", ["promote", "rollback"])
def test_what_was_decided_on_production_as_it_stood_is_not_put_over_what_came_meanwhile(
    here: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    for seed in "ab":
        deployed(here, seed)
        assert main(["promote"]) == 0
    deployed(here, "c")
    faster, reads = make_release("faster"), {"promote": "files", "rollback": "beside"}[verb]
    read = getattr(Ledger, reads)

    def overtake(self: Ledger, *asked: object) -> object:
        Ledger(here).write("production", faster, {}, "promote(production): faster", {"Approved-By": "Eve"})
        return read(self, *asked)

    monkeypatch.setattr(Ledger, reads, overtake)
    assert main({"promote": ["promote"], "rollback": ["rollback", "--env", "production"]}[verb]) == 3
    assert "promote(production): faster, by Eve" in capsys.readouterr().err
    assert Ledger(here).read("production") == faster


def test_a_frozen_environment_takes_nothing_but_a_rollback(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    a = deployed(here, "a")
    assert main(["promote"]) == 0
    b = deployed(here, "b")
    assert main(["promote"]) == 0
    assert main(["freeze", "--env", "production", "--reason", "audit\nImage: x", "--approved-by", "Ada"]) == 0
    assert main(["freeze", "--env", "staging", "--reason", "audit", "--approved-by", "Ada"]) == 0
    deployed_before = Ledger(here).head("staging")
    commit_all(here.root, "c")
    toy_release(here, "c")
    assert main(["deploy", "--env", "staging"]) == 1
    assert main(["promote"]) == 1
    assert "production is frozen: audit" in capsys.readouterr().err
    assert Ledger(here).head("staging") == deployed_before
    assert main(["rollback", "--env", "production"]) == 0
    assert Ledger(here).read("production") == a
    assert main(["promote"]) == 1  # a rollback does not lift it
    assert main(["freeze", "--env", "production", "--lift"]) == 0
    assert main(["promote"]) == 0
    assert Ledger(here).read("production") == b
    subjects = [entry.subject for entry in Ledger(here).entries("production")]
    assert subjects[1] == "freeze(production): lifted"
    assert "freeze(production): audit Image: x" in subjects
    assert main(["freeze", "--env", "production"]) == 2
    assert main(["freeze", "--env", "production", "--reason", " "]) == 2


def test_a_red_deploy_is_reverted_though_it_was_frozen_meanwhile(here: Project) -> None:
    ledger = Ledger(here)
    deployed(here, "a")
    bad = ledger.write("staging", B, {}, "deploy(staging): bad", {}).commit
    assert main(["freeze", "--env", "staging", "--reason", "audit"]) == 0
    ledger.revert("staging", bad, "smoke failed")
    assert ledger.read("staging") == ledger.entries("staging")[-1].release
    assert ledger.file("staging", "freeze.json") is not None
    assert main(["rollback", "--env", "staging"]) == 1  # neither what failed nor its freeze is a place to return to


def test_who_approved_and_which_run_are_taken_from_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLGATE_APPROVED_BY", "GITHUB_ACTOR", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    assert (approver(None, "Git User"), approver(" Ada ", "x"), run_url()) == ("Git User", "Ada", "local")
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    assert approver(None, "Git User") == "octocat"
    monkeypatch.setenv("MLGATE_APPROVED_BY", "Ada, Bo")
    assert approver(None, "Git User") == "Ada, Bo"
    for name, value in (("SERVER_URL", "https://github.com"), ("REPOSITORY", "o/r"), ("RUN_ID", "7")):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    assert run_url() == "https://github.com/o/r/actions/runs/7"


def test_an_image_that_was_pushed_is_what_the_commit_names(here: Project) -> None:
    container = "registry.example/toy@sha256:" + "1" * 64
    Ledger(here).write("staging", A.model_copy(update={"container": container}), {}, "deploy(staging): toy", {})
    assert Ledger(here).entries("staging")[0].trailers["Image"] == container


def test_a_rollback_to_a_release_that_takes_other_requests_warns(here: Project) -> None:
    deployed(here, "a", contract={"x": "int64", "y": "float64"})
    deployed(here, "b", contract={"x": "float64", "z": "str"})
    before = Ledger(here).head("staging")
    assert main(["rollback", "--env", "staging"]) == 0
    check = said(here, "rollback")["contract"]
    assert check.status == "pass"
    assert check.evidence == (
        "warning: requests change with it: y is asked for again; z is not known; x: float64 becomes int64"
    )
    assert check.evidence in Report.read(here.reports / "rollback.json").notes
    newest = Ledger(here).entries("staging")[0]
    assert newest.trailers["Rolls-Back"] == before
    assert git(here.root, "rev-parse", newest.trailers["Restores"])


def test_a_contract_is_compared_by_columns_or_else_by_features_or_not_at_all() -> None:
    one, two = {"contract.json": b'{"x": "int64"}'}, {"model.json": b'{"features": ["x", "y"]}'}
    assert differences(one, one) == []
    assert differences(one, two) is None
    assert differences({**one, "model.json": b'{"features": ["x"]}'}, two) == ["y is asked for again"]
    for damaged in (b"{", b"[]", b"null", b"\xff", None):
        assert differences({"contract.json": damaged}, one) is None
