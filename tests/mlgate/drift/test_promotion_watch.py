"""What `mlgate promote` finds in staging's live traffic, looked at anew, and in what the watch recorded of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from watched_project import REFERENCE, VERSION, predict, release, watched_project

from mlgate.cli import main
from mlgate.ledger import Ledger
from mlgate.project import Project
from mlgate.report import Check, Report, Subject


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a release in staging, and no engine that runs it here: as on a runner."""
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    monkeypatch.setattr("mlgate.engine.rollout.mirrored", lambda project, release: "no MLflow here")
    for name in ("MLGATE_APPROVED_BY", "GITHUB_ACTOR", "GITHUB_RUN_ID", "MLGATE_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    project = watched_project(tmp_path, monkeypatch)
    release(project, env="staging")
    return project


def recorded(project: Project, note: str, image: str = "") -> None:
    """What an earlier `mlgate monitor` wrote."""
    subject = Subject(image_digest=image or Ledger(project).read("staging").image)
    check = Check(id="data-drift", title="t", status="pass" if note.startswith("healthy") else "fail")
    Report(verb="monitor", subject=subject, checks=[check], notes=[note]).close().write(
        project.reports / "monitor.json"
    )


def promoted(project: Project) -> tuple[int, Check]:
    """The exit code, and the check; production moved just if it is 0."""
    code = main(["promote", "--approved-by", "Ada"])
    assert bool(Ledger(project).head("production")) == (code == 0)
    return code, next(c for c in Report.read(project.reports / "promote.json").checks if c.id == "watch")


def test_traffic_as_before_is_watched_at_the_promotion_itself(here: Project) -> None:
    predict(here, env="staging")
    code, check = promoted(here)
    assert (code, check.status, check.evidence) == (0, "pass", "healthy: nothing moved")


def test_drifted_traffic_of_staging_stops_a_promotion_that_nobody_watched(here: Project) -> None:
    predict(here, changed=REFERENCE, env="staging")
    code, check = promoted(here)
    assert (code, check.status) == (1, "fail")
    assert check.evidence.startswith("investigate: a field is lost")
    assert "mlgate monitor --env staging" in check.mend


def test_the_log_of_another_environment_says_nothing(here: Project) -> None:
    predict(here, changed=REFERENCE, env="production")
    code, check = promoted(here)
    assert (code, check.status, check.evidence) == (0, "skip", "not watched: staging has answered no prediction yet")


def test_a_log_elsewhere_is_read_where_monitor_source_says(here: Project, tmp_path: Path) -> None:
    predict(here, changed=REFERENCE, env="staging")
    store = tmp_path / "store"
    shutil.move(here.environment_state("staging") / "predictions", store / "staging")
    params = here.root / "params.yaml"
    params.write_text(params.read_text().replace("monitor: {", f'monitor: {{source: "{store}/{{environment}}", '))
    code, check = promoted(here)
    assert (code, check.status) == (1, "fail")
    assert check.evidence.startswith("investigate")


def test_a_log_that_cannot_be_read_is_no_leave_to_promote(here: Project) -> None:
    params = here.root / "params.yaml"
    params.write_text(params.read_text().replace("monitor: {", 'monitor: {source: "http://127.0.0.1:9/log", '))
    assert main(["promote", "--approved-by", "Ada"]) == 3
    assert Ledger(here).head("production") == ""


def test_a_release_that_answered_nothing_yet_is_not_judged_by_the_former_one_s_traffic(here: Project) -> None:
    predict(here, changed=REFERENCE, version="0" * 12, env="staging")
    code, check = promoted(here)
    assert (code, check.status) == (0, "skip")
    assert f"answered nothing with {VERSION}" in check.evidence


@pytest.mark.parametrize(
    ("note", "code"), [("healthy: nothing", 0), ("watch: flagged", 1), ("retrain: labels say so", 1)]
)
def test_a_record_of_the_watch_counts_too_as_it_may_know_labels(here: Project, note: str, code: int) -> None:
    recorded(here, note)
    found, check = promoted(here)
    assert (found, note in check.evidence) == (code, True)


def test_a_healthy_record_does_not_outweigh_what_traffic_shows_now(here: Project) -> None:
    predict(here, changed=REFERENCE, env="staging")
    recorded(here, "healthy: nothing moved")
    assert promoted(here)[0] == 1


def test_a_record_on_another_release_says_nothing(here: Project) -> None:
    recorded(here, "retrain: the world changed", "sha256:" + "9" * 64)
    code, check = promoted(here)
    assert (code, check.status) == (0, "skip")
