"""`mlgate monitor` by the front door: a real ledger, a real log, exit codes, and a page in which names are inert."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from watched_project import EVIL, REFERENCE, predict, release, watched_project

from mlgate import cli
from mlgate.project import Project
from mlgate.report import Report


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return watched_project(tmp_path, monkeypatch)


def read(project: Project) -> tuple[Report, dict[str, str]]:
    report = Report.read(project.reports / "monitor.json")
    return report, {check.id: check.status for check in report.checks}


def test_nothing_released_is_one_clear_line_and_exit_2(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["monitor"]) == 2
    said = capsys.readouterr().err
    assert "nothing is released to production" in said
    assert "mlgate promote" in said


def test_no_predictions_yet_is_one_clear_line_and_exit_1(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    release(project)
    assert cli.main(["monitor"]) == 1
    assert "mlgate replay --env production" in capsys.readouterr().err


def test_a_release_whose_files_are_elsewhere_is_exit_3(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    release(project)
    predict(project)
    next((project.state / "releases").rglob("profile.json")).unlink()
    assert cli.main(["monitor"]) == 3
    assert "mlgate package" in capsys.readouterr().err


def test_a_time_that_is_none_is_exit_2(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["monitor", "--as-of", "yesterday"]) == 2
    assert "2026-05-04" in capsys.readouterr().err


def test_case_34_traffic_that_moves_in_noise_alone_is_healthy_and_asks_for_no_retraining(project: Project) -> None:
    release(project)
    predict(project)
    assert cli.main(["monitor"]) == 0
    report, checks = read(project)
    assert checks == dict.fromkeys(["silence", "calibrated", "prediction-drift", "data-drift"], "pass")
    assert report.notes[0] == "healthy: nothing moved"


def test_traffic_that_changed_fails_by_column_and_the_page_shows_names_as_inert_text(project: Project) -> None:
    release(project)
    predict(project, changed=REFERENCE)
    assert cli.main(["monitor", "--env", "production"]) == 1
    report, checks = read(project)
    assert checks[f"data-drift/{EVIL}"] == "fail"
    assert checks["data-drift/gap"] == "fail"
    assert "do not retrain" in next(c.mend for c in report.checks if c.id == "data-drift/gap")
    assert report.notes[0].startswith("investigate")
    page = (project.reports / "monitor.html").read_text()
    assert tags(page).isdisjoint({"script", "img", "a", "iframe", "link", "object", "form"})
    assert "&lt;script&gt;" in page
    assert "<svg" in page
    assert "<script" not in (project.reports / "monitor.md").read_text()


def test_case_4_categories_with_markup_and_direction_marks_are_inert(project: Project) -> None:
    release(project)
    attack = '"><img src=x onerror=alert(1)>\u202e\x1b[31m ${{ x }} @all'
    predict(project, change=lambda f: f.assign(**{EVIL: np.where(np.arange(len(f)) % 9 == 0, attack, f[EVIL])}))
    assert cli.main(["monitor"]) == 1
    page, text = (project.reports / "monitor.html").read_text(), (project.reports / "monitor.md").read_text()
    assert "img" not in tags(page)
    assert "&lt;img" in page
    for found in (page, text):
        assert not {"\u202e", "\x1b"} & set(found)
    assert "<img" not in text
    assert "\\@all" in text


def test_case_24_a_new_value_of_few_rows_is_counted_and_not_shown(project: Project) -> None:
    """The page ends in an issue: what one person wrote into a field must not stand there."""
    release(project)
    names = pd.Series([f"Wutzel{n // 4}" for n in range(900)])
    predict(project, change=lambda f: f.assign(**{EVIL: np.where(np.arange(len(f)) % 9 == 0, names, f[EVIL])}))
    assert cli.main(["monitor"]) == 1
    for name in ("monitor.html", "monitor.md", "monitor.json"):
        text = (project.reports / name).read_text()
        assert "Wutzel" not in text
        assert name == "monitor.json" or "each in fewer than 5 rows" in text


def test_traffic_that_stops_is_silence(project: Project) -> None:
    release(project)
    predict(project)
    assert cli.main(["monitor", "--as-of", "2026-03-08"]) == 1
    report, checks = read(project)
    assert (checks["silence"], checks["data-drift"]) == ("fail", "skip")
    assert report.notes[0].startswith("investigate: no traffic")


def test_predictions_of_an_earlier_version_are_traffic_but_are_not_judged(project: Project) -> None:
    release(project)
    predict(project, changed=REFERENCE, version="000000000000")
    assert cli.main(["monitor"]) == 0
    assert read(project)[1] == {
        "silence": "pass",
        **dict.fromkeys(["calibrated", "prediction-drift", "data-drift"], "skip"),
    }


def test_a_column_that_is_not_logged_is_named_and_not_called_missing(project: Project) -> None:
    release(project)
    predict(project, change=lambda f: f.drop(columns="gap"))
    assert cli.main(["monitor"]) == 0
    assert "gap" in (project.reports / "monitor.md").read_text()


@pytest.mark.parametrize("name", ["version", "time", "row"])
def test_a_feature_with_the_name_of_something_else_in_a_line_is_judged_as_what_it_is(
    project: Project, name: str
) -> None:
    """A feature `version` once took the place of the model's version, and nothing was judged any more."""
    release(project, {EVIL: name})
    predict(project, change=lambda f: f.rename(columns={EVIL: name}))
    assert cli.main(["monitor"]) == 0
    assert read(project)[1]["data-drift"] == "pass"
    predict(project, change=lambda f: f.rename(columns={EVIL: name}).assign(**{name: "never seen"}))
    assert cli.main(["monitor"]) == 1
    assert read(project)[1][f"data-drift/{name}"] == "fail"


def test_silence_of_a_month_is_told_though_days_that_are_over_are_not_read(project: Project) -> None:
    params = project.root / "params.yaml"
    params.write_text(params.read_text().replace("clock: events", "clock: wall"))
    release(project)
    predict(project)
    folder = project.environment_state("production") / "predictions"
    (folder / "2026-03-02-1-0.jsonl").rename(folder / "2026-03-02-1-0123abcd.jsonl")
    assert cli.main(["monitor", "--as-of", "2026-05-01"]) == 1
    assert read(project)[0].notes[0].startswith("investigate: no traffic")


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["monitor", "--help"]) == 0
    assert "Example:" in capsys.readouterr().out


def tags(page: str) -> set[str]:
    found: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.add(tag)
            assert not any(name.startswith("on") for name, _ in attrs)

    Reader().feed(page)
    return found
