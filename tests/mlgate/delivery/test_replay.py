"""Replay: the traffic that comes next, in order, once each; through the real proxy to a service that keeps a list."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from toy_repository import PRODUCTION, STAGING, launch_toy, toy_release

from mlgate.cli import main
from mlgate.project import Project
from mlgate.replay.traffic import Position
from mlgate.report import Report
from mlgate.versions import snapshot

TEMPLATE = Path(__file__).parents[3] / "template"


@pytest.fixture
def live(served: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A small world of payments with a data version until 20 January, and a toy that serves in staging."""
    content = yaml.safe_load((TEMPLATE / "params.yaml").read_text())
    content["project"] = {"name": "Toy", "slug": "toy", "owner": "someone"}
    content["data"]["source"] |= {"customers": 200, "terminals": 50, "start": "2026-01-05", "until": "2026-01-20"}
    content["split"] = {"holdout": "3d", "gap": "1d"}
    content["serving"] = {"ports": {"staging": STAGING, "production": PRODUCTION}, "max_rows": 70}
    (served.root / "params.yaml").write_text(yaml.safe_dump(content))
    project = Project(served.root)
    monkeypatch.chdir(project.root)
    monkeypatch.setattr("mlgate.engine.processes.launch_bento", launch_toy)
    from model.data import load

    project.raw.parent.mkdir()
    project.raw.write_bytes(snapshot.encode(load(project.params)))
    toy_release(project, "a")
    monkeypatch.setattr("mlgate.verbs.replay._labels", lambda project, environment: [0, 1])
    assert main(["deploy", "--env", "staging"]) == 0
    return project


def got(project: Project) -> pd.DataFrame:
    path = project.environment_state("staging") / "got.jsonl"
    frame = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()] if path.exists() else [])
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"])) if len(frame) else frame


def expected(project: Project, start: str, end: str, **drift: object) -> pd.DataFrame:
    from model.data import traffic

    asked = [{"from": start, **drift}] if drift else []
    return traffic(project.params, pd.Timestamp(start), pd.Timestamp(end), asked)


def test_replays_go_on_where_the_data_and_the_last_replay_ended(live: Project, tmp_path: Path) -> None:
    assert main(["replay", "--env", "staging", "--days", "2"]) == 0
    assert (
        main(["replay", "--env", "staging", "--drift", "price_inflation:0.5", "--labels", str(tmp_path / "l.csv")]) == 0
    )
    rows = got(live)
    assert rows["timestamp"].is_monotonic_increasing
    first, second = expected(live, "2026-01-20", "2026-01-22"), expected(live, "2026-01-22", "2026-01-23")
    assert list(rows["transaction_id"]) == [*first["transaction_id"], *second["transaction_id"]]
    raised = expected(live, "2026-01-22", "2026-01-23", kind="price_inflation", strength=0.5)
    assert list(rows["amount"]) == [*first["amount"], *raised["amount"]]
    assert set(rows) == {"transaction_id", "timestamp", "customer_id", "terminal_id", "amount", "category"}  # no label
    labels = pd.read_csv(tmp_path / "l.csv")
    assert list(labels["is_fraud"]) == list(second["is_fraud"])
    report = Report.read(live.reports / "replay.json")
    assert report.checks[0].observed == len(second)
    assert "rows/s" in report.notes[0]


def test_a_missing_value_is_sent_as_null(live: Project) -> None:
    assert main(["replay", "--env", "staging", "--drift", "missing_field:0.9"]) == 0
    assert got(live)["category"].isna().mean() > 0.5


def test_a_crash_of_the_service_in_mid_replay_loses_no_row(live: Project) -> None:
    (live.environment_state("staging") / "die").touch()
    assert main(["replay", "--env", "staging"]) == 0
    assert set(got(live)["transaction_id"]) == set(expected(live, "2026-01-20", "2026-01-21")["transaction_id"])


def test_a_file_is_sent_as_it_is_and_moves_no_clock(live: Project, tmp_path: Path) -> None:
    frame = expected(live, "2026-02-01", "2026-02-02")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.iloc[::-1].to_parquet(tmp_path / "rows.parquet", index=False)
    assert main(["replay", "--env", "staging", "--file", str(tmp_path / "rows.csv"), "--rows", "10"]) == 0
    assert main(["replay", "--env", "staging", "--file", str(tmp_path / "rows.parquet")]) == 0
    assert list(got(live)["transaction_id"]) == [*frame["transaction_id"][:10], *frame["transaction_id"]]
    assert Position.of(live, "staging").read() == (None, 0)


def test_refused_rows_are_counted_and_the_first_reason_told(live: Project, tmp_path: Path) -> None:
    frame = expected(live, "2026-02-01", "2026-02-04").head(150)
    frame.iloc[[75], frame.columns.get_loc("amount")] = 66.6
    frame.to_csv(tmp_path / "rows.csv", index=False)
    assert main(["replay", "--env", "staging", "--file", str(tmp_path / "rows.csv")]) == 1
    check = Report.read(live.reports / "replay.json").checks[0]
    assert (check.status, check.observed) == ("fail", 80.0)
    assert "70 refused" in check.evidence
    assert "rows 70 to 140: 422" in check.evidence


def test_a_table_without_traffic_replays_the_rows_after_its_data_version(
    live: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model import data

    whole = data.load(live.params, pd.Timestamp("2026-01-23"))
    monkeypatch.delattr(data, "traffic")
    monkeypatch.setattr(data, "load", lambda params, until=None: whole)
    assert main(["replay", "--env", "staging", "--drift", "price_inflation:0.5"]) == 2
    assert main(["replay", "--env", "staging", "--days", "2"]) == 0
    assert main(["replay", "--env", "staging", "--days", "2"]) == 0
    later = whole[whole["timestamp"] > snapshot.read(live.raw, live.params)["timestamp"].max()]
    assert list(got(live)["transaction_id"]) == list(later["transaction_id"])
    assert main(["replay", "--env", "staging"]) == 1  # nothing newer is left


BAD: list[tuple[list[str], int, str]] = [
    (["--drift", "price_inflation"], 2, "KIND:STRENGTH"),
    (["--drift", "nonsense:1"], 2, "drift"),
    (["--file", "absent.csv"], 1, "is not there"),
    (["--file", "bad.csv"], 1, "has no column"),
    (["--file", "x.csv", "--days", "2"], 2, "--file"),
    (["--days", "0"], 2, "--days"),
]


def test_a_bad_call_is_refused_with_what_to_do(live: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (live.root / "bad.csv").write_text("a,b\n1,2\n")
    for arguments, code, words in BAD:
        assert main(["replay", "--env", "staging", *arguments]) == code, arguments
        assert words in capsys.readouterr().err
    assert got(live).empty
    assert main(["replay", "--env", "production"]) == 3
    assert "mlgate serve --env production" in capsys.readouterr().err
