"""Decay on labels: few false alarms in a year of looks, a worse model found soon, labels joined by pseudonym."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlgate import cli
from mlgate.drift import decay
from mlgate.drift.profile import build_profile
from mlgate.errors import ConfigError, DataError
from mlgate.gates.intervals import interval
from mlgate.gates.metrics import find
from mlgate.judging import late_labels
from mlgate.ledger import Ledger
from mlgate.packing.release import MetricValue, ModelCard, Release
from mlgate.params import parse
from mlgate.project import Project, git
from mlgate.report import Report
from mlgate.serving.pseudonym import pseudonym

VERSION, KEY = "abcdefabcdef", b"k" * 32
SHA = "sha256:" + "1" * 64
WEEK = pd.Timedelta(days=7)


def answers(rng: np.random.Generator, rows: int, accuracy: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of three classes; the likeliest one is right in this share of rows."""
    y = rng.integers(0, 3, rows)
    said = np.where(rng.random(rows) < accuracy, y, (y + 1) % 3)
    return y.astype(float), np.eye(3)[said] * 0.7 + 0.1


def measured(rng: np.random.Generator, rows: int) -> decay.Reference:
    y, s = answers(rng, rows)
    metric = find("accuracy", "multiclass")
    found = interval(y, s, None, metric, decay.CONFIDENCE)
    return decay.Reference(metric, found.value, found.low, found.high, 0.01)


def year(
    rng: np.random.Generator, rows: int, worse_from: int = 99, worse: float = 0.85, weeks: int = 52
) -> decay.Decay:
    """A holdout of four weeks, then weeks of traffic, each row labelled."""
    reference = measured(rng, 4 * rows)
    parts = [answers(rng, rows, 0.9 if week < worse_from else worse) for week in range(weeks)]
    y, s = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    moments = pd.Series(pd.date_range("2026-01-01", periods=weeks, freq="7D").repeat(rows))
    return decay.judge(moments, y, s, None, WEEK, reference)


@pytest.mark.parametrize("rows", [150, 1_000])
def test_a_model_that_stays_as_it_is_alarms_in_few_years_of_weekly_looks(rows: int) -> None:
    """Every look of every year counts: an alarm in any of the 52 weeks is one. Measured: see docs/monitoring.md."""
    rng = np.random.default_rng(11)
    years = [year(rng, rows) for _ in range(60)]
    assert all(len(found.stretches) == 52 for found in years)
    limits = [max(stretch.sum for stretch in found.stretches) for found in years]
    assert np.mean(np.array(limits) >= decay.LIMIT) <= 0.1


def test_five_points_less_are_found_within_weeks() -> None:
    rng = np.random.default_rng(12)
    waits = []
    for _ in range(20):
        found = year(rng, 1_000, worse_from=10, weeks=20)
        late = [n for n, stretch in enumerate(found.stretches) if stretch.sum >= decay.LIMIT]
        waits.append(late[0] - 10 + 1 if late else 99)
    assert np.median(waits) <= 3
    assert max(waits) <= 6
    assert found.alarm


def test_less_than_the_margin_is_no_alarm_however_sure_it_is() -> None:
    found = year(np.random.default_rng(13), 20_000, worse_from=0, worse=0.893, weeks=20)
    assert found.stretches[-1].sum >= decay.LIMIT
    assert not found.alarm
    assert decay.check(found).status == "pass"


def test_a_window_waits_until_nearly_all_of_its_labels_are_there() -> None:
    """The first labels are those of errors that were noticed: judged alone they would raise an alarm."""
    rng = np.random.default_rng(14)
    y, s = answers(rng, 2_000)
    wrong = s.argmax(axis=1) != y
    y[1_000:][~wrong[1_000:]] = np.nan
    moments = pd.Series(pd.date_range("2026-01-01", periods=2, freq="7D").repeat(1_000))
    found = decay.judge(moments, y, s, None, WEEK, measured(rng, 4_000))
    assert len(found.stretches) == 1
    assert not found.alarm
    assert "2026-01-08" in decay.check(found).evidence


def test_windows_with_too_few_cases_are_put_together() -> None:
    rng = np.random.default_rng(15)
    y, s = answers(rng, 40 * 7)
    moments = pd.Series(pd.date_range("2026-01-01", periods=7, freq="7D").repeat(40))
    found = decay.judge(moments, y, s, None, WEEK, measured(rng, 4_000))
    assert [stretch.rows for stretch in found.stretches] == [120, 120]
    assert "40 rows; a verdict needs 100" in decay.check(found).evidence
    none = decay.judge(moments[:40], y[:40], s[:40], None, WEEK, measured(rng, 4_000))
    assert (decay.check(none).status, "a verdict needs 100" in decay.check(none).evidence) == ("skip", True)


PARAMS: dict[str, Any] = {
    "project": {"name": "P", "slug": "p", "owner": "o"},
    "data": {"task": "binary", "target": "bought", "positive": "yes", "id": "order", "time": "time", "cluster": "who"},
    "quality": {},
    "split": {"holdout": 0.2},
    "model": {},
    "gates": {"metric": "roc_auc", "floor": {"threshold": 0.6}, "champion": {"margin": 0.01}},
    "monitor": {"window": "1w", "clock": "events"},
    "serving": {"ports": {"production": 3000}},
}
ROWS = 1_500


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An environment that answered three weeks of rows; its model had an AUC of .9 on the holdout."""
    (tmp_path / "src" / "model").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text(json.dumps(PARAMS))
    git(tmp_path, "init", "-q")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLGATE_STATE", raising=False)
    monkeypatch.delenv("MLGATE_PSEUDONYM_KEY", raising=False)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    found = Project(tmp_path)
    found.state.mkdir(parents=True, exist_ok=True)
    (found.state / "pseudonym.key").write_bytes(KEY)
    table = rows()
    card = ModelCard.model_construct(classes=["no", "yes"])
    files = {"model.json": json.dumps({**CARD, "classes": card.classes}).encode()}
    times, scores = table["time"], table[["score", "time"]]
    files["profile.json"] = build_profile(table[["x"]], times, scores, parse(PARAMS)).to_json().encode()
    Ledger(found).write("production", release(), files, "deploy(production): p", {})
    log(found, table, VERSION)
    return found


def log(project: Project, table: pd.DataFrame, version: str) -> None:
    """Rows as that version answered them."""
    folder = project.environment_state("production") / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{version}.jsonl").open("w") as stream:
        for order, x, score, when in table[["order", "x", "score", "time"]].itertuples(index=False):
            head = {"time": when.isoformat(), "event_time": when.isoformat(), "version": version}
            line = {**head, "row": pseudonym(order, KEY), "features": {"x": x}, "score": score}
            stream.write(json.dumps(line) + "\n")


CARD: dict[str, Any] = {
    "model": "p", "file": "model.skops", "format": "skops", "digest": SHA, "inputs": SHA, "estimator": "e.E",
    "task": "binary", "features": ["x"], "train_rows": 1, "train_digest": SHA, "data_digest": SHA,
    "holdout_digest": SHA, "holdout_rows": 1, "params": {},
}  # fmt: skip


def release() -> Release:
    return Release(
        model="p", version=VERSION, image=SHA, source_commit="2" * 40, data_digest=SHA, model_digest=SHA,
        holdout_digest=SHA, holdout_rows=1, built=datetime(2026, 1, 1, tzinfo=UTC),
        metrics={"roc_auc": MetricValue(value=0.9, low=0.88, high=0.92)},
    )  # fmt: skip


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    bought = rng.random(ROWS) < 0.3
    return pd.DataFrame(
        {
            "order": np.arange(ROWS),
            "who": rng.integers(0, 600, ROWS),
            "x": rng.normal(size=ROWS),
            "score": 1 / (1 + np.exp(-(rng.normal(size=ROWS) + 1.8 * bought))),
            "time": pd.date_range("2026-03-02", periods=ROWS, freq="20min"),
            "bought": np.where(bought, "yes", "no"),
        }
    )


def performance(project: Project) -> tuple[str, str, str]:
    report = Report.read(project.reports / "monitor.json")
    found = next(check for check in report.checks if check.id == "performance")
    return found.status, found.evidence, report.notes[0]


def test_labels_that_agree_are_a_pass_and_are_stored_nowhere(project: Project, tmp_path: Path) -> None:
    rows()[["order", "who", "bought"]].to_csv(tmp_path / "labels.csv", index=False)
    assert cli.main(["monitor", "--labels", "labels.csv"]) == 0
    status, evidence, note = performance(project)
    assert (status, note.split(":")[0]) == ("pass", "healthy")
    assert "1,500 of 1,500 predictions have their label" in evidence
    page = (project.reports / "monitor.html").read_text()
    assert "Performance on labels" in page
    assert "roc_auc by time" in page


def test_labels_that_the_scores_contradict_are_an_alarm_to_retrain(project: Project, tmp_path: Path) -> None:
    table = rows()
    table["bought"] = np.random.default_rng(5).permutation(table["bought"])
    table[["order", "who", "bought"]].to_parquet(tmp_path / "labels.parquet")
    assert cli.main(["monitor", "--labels", "labels.parquet"]) == 1
    status, _, note = performance(project)
    assert status == "fail"
    assert note.startswith("retrain: the model has become worse: roc_auc is 0.")
    assert "retrain" in (project.reports / "monitor.md").read_text()


FORMER = "fedcbafedcba"


def preceded(project: Project, seed: int) -> pd.DataFrame:
    """Let production have had another release in the three weeks before; its rows (a seed shuffles labels)."""
    ledger, table = Ledger(project), rows()
    files = ledger.files("production", ("model.json", "profile.json"))
    former = release().model_copy(update={"version": FORMER, "image": "sha256:" + "2" * 64})
    for one in (former, release()):
        ledger.write("production", one, files, f"deploy(production): {one.version}", {})
    table["order"] += ROWS
    table["time"] -= pd.Timedelta(days=21)
    if seed:
        table["bought"] = np.random.default_rng(seed).permutation(table["bought"])
    log(project, table, FORMER)
    return table


@pytest.mark.parametrize(
    ("former", "bad", "word"),
    [
        ("good", "all", "rollback"),
        ("as bad", "all", "retrain"),
        ("unlabelled", "all", "retrain"),
        ("good", "later", "retrain"),
    ],
)
def test_a_release_that_never_was_as_on_its_holdout_goes_back_to_one_that_was(
    project: Project, former: str, bad: str, word: str
) -> None:
    earlier, table = preceded(project, seed=7 if former == "as bad" else 0), rows()
    since = 0 if bad == "all" else ROWS // 2
    table.loc[since:, "bought"] = np.random.default_rng(5).permutation(table["bought"][since:])
    known = [table] if former == "unlabelled" else [earlier, table]
    pd.concat(known)[["order", "who", "bought"]].to_csv("labels.csv", index=False)
    assert cli.main(["monitor", "--labels", "labels.csv"]) == 1
    status, _, note = performance(project)
    assert (status, note.partition(":")[0]) == ("fail", word)
    report = Report.read(project.reports / "monitor.json")
    mend = next(check.mend for check in report.checks if check.id == "performance")
    assert f"mlgate {word}" in mend
    assert word != "rollback" or f"{FORMER} before it was" in note


def test_params_name_the_labels_for_a_schedule(project: Project, tmp_path: Path) -> None:
    rows()[["order", "who", "bought"]].to_csv(tmp_path / "labels-production.csv", index=False)
    settings = {**PARAMS, "monitor": {**PARAMS["monitor"], "labels": f"{tmp_path}/labels-{{environment}}.csv"}}
    (project.root / "params.yaml").write_text(json.dumps(settings))
    assert cli.main(["monitor"]) == 0
    assert performance(Project(tmp_path))[0] == "pass"


def of(frame: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    return frame.assign(**changes)[["order", "who", "bought"]]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda f: f.rename(columns={"bought": "bougth"}), 2, ["no column 'bought'", "'bougth'"]),
        (lambda f: f.drop(columns="who"), 2, ["no column 'who'"]),
        (lambda f: of(f, bought="perhaps"), 1, ["'perhaps' in row 1 is no class of the model", "'yes'"]),
        (lambda f: of(f, order=f["order"] + 10**6), 1, ["is of a prediction of abcdefabcdef", "order"]),
        (lambda f: pd.concat([of(f), of(f.head(1), bought="yes"), of(f.head(1), bought="no")]), 1, ["another label"]),
    ],
    ids=["misspelt", "no cluster", "no class", "other rows", "two labels"],
)
def test_labels_that_cannot_be_joined_are_one_clear_line(
    project: Project, capsys: pytest.CaptureFixture[str], change: Any, code: int, words: list[str]
) -> None:
    change(rows()).to_csv(project.root / "labels.csv", index=False)
    assert cli.main(["monitor", "--labels", "labels.csv"]) == code
    said = " ".join(capsys.readouterr().err.split())
    assert all(word in said for word in words), said
    assert "Traceback" not in said


def test_labels_come_under_the_names_and_in_the_writing_of_the_user_s_own_file(tmp_path: Path) -> None:
    data = {**PARAMS["data"], "task": "regression", "target": "Umsatz_EUR", "positive": None, "cluster": None}
    params = parse({**PARAMS, "data": data, "gates": {**PARAMS["gates"], "metric": "mae"}})
    table = pd.DataFrame({"order": ["7", "8", "9"], "Umsatz (EUR)": ["1.234,50", "12,00", ""], "": ["", "a", "b"]})
    table.to_csv(tmp_path / "labels.csv", index=False, sep=";")
    found = late_labels.read(str(tmp_path / "labels.csv"), params, ModelCard.model_construct(classes=[]))
    assert found[["id", "y"]].values.tolist() == [["7", 1234.5], ["8", 12.0]]
    many = pd.DataFrame({"order": range(20), "Umsatz (EUR)": ["1.234,50"] * 19 + ["much"]})
    many.to_csv(tmp_path / "labels.csv", index=False, sep=";")
    with pytest.raises(DataError, match="'much' in row 20 is no number"):
        late_labels.read(str(tmp_path / "labels.csv"), params, ModelCard.model_construct(classes=[]))


def test_an_identifier_that_is_written_in_two_ways_is_one_row(project: Project, capsys: Any) -> None:
    table = of(rows()).astype(str)
    twice = pd.concat([table, table.tail(1).assign(order="e\u0301"), table.tail(1).assign(order="\u00e9")])
    twice.to_csv(project.root / "labels.csv", index=False)
    assert cli.main(["monitor", "--labels", "labels.csv"]) == 1
    assert "another way to write a row that has a label" in " ".join(capsys.readouterr().err.split())


def test_an_answer_is_kept_as_numbers_alone_and_the_last_one_counts() -> None:
    """A log may hold millions: with its row's name as text a prediction took four times as much."""
    times = pd.Series(pd.date_range("2026-03-02", periods=5_000, freq="1min").astype("datetime64[us]"))
    names = [pseudonym(n % 4_000, KEY) for n in range(5_000)]  # a thousand are asked again
    head = pd.DataFrame({"time": times, "event_time": times, "version": VERSION, "row": pd.Series(names, dtype="str")})
    scores = pd.DataFrame({"x": 1.0, "score": np.arange(5_000) / 5_000})
    found = late_labels.answers([(head[:2_500], scores[:2_500]), (head[2_500:], scores[2_500:])], VERSION)
    assert len(found) == 4_000
    assert found["score"].tolist() == scores["score"][1_000:].tolist()
    assert found.memory_usage(deep=True).sum() <= 25 * len(found)
    as_of = times[2_000].to_pydatetime()
    assert len(late_labels.answers([(head, scores)], VERSION, as_of)) == 2_000


def test_without_the_service_s_key_none_is_made_and_the_variable_is_named(project: Project) -> None:
    (project.state / "pseudonym.key").unlink()
    rows()[["order", "who", "bought"]].to_csv(project.root / "labels.csv", index=False)
    assert cli.main(["monitor", "--labels", "labels.csv"]) == 2
    assert not (project.state / "pseudonym.key").exists()


def test_rows_without_an_identifier_and_a_release_without_an_interval_are_refused() -> None:
    nameless = parse({**PARAMS, "data": {**PARAMS["data"], "id": None}})
    with pytest.raises(ConfigError, match=r"data\.id"):
        late_labels.read("x.csv", nameless, ModelCard.model_construct())
    with pytest.raises(DataError, match="no roc_auc with an interval"):
        late_labels.reference(release().model_copy(update={"metrics": {}}), parse(PARAMS))
