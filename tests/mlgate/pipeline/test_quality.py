"""Each data check is green on good rows, and red for its own reason on bad ones; none ends in a traceback."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_world import params, rows

from mlgate.quality import CHECKS, Context, judge, judge_one
from mlgate.quality.leak import strength
from model import features, schema

NOW = datetime(2026, 4, 1)


@pytest.fixture(scope="module")
def good(trained: Path) -> pd.DataFrame:
    return rows(trained)


def context(trained: Path, **given: Any) -> Context:
    sections = given.pop("sections", {"quality": {"max_age": "3d"}})
    usual: dict[str, Any] = {"contract": schema.Labelled, "features": features.features, "now": NOW}
    return Context(params(trained, **sections), **{**usual, **given})


def test_every_check_is_green_on_good_rows(trained: Path, good: pd.DataFrame) -> None:
    found = judge(good, context(trained, source=trained / "data" / "raw.parquet"))
    assert {check.id: check.status for check in found} == dict.fromkeys(CHECKS, "pass")


def put(column: str, value: object, where: Any = 5) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def _put(frame: pd.DataFrame) -> pd.DataFrame:
        bad = frame.copy()
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            bad[column] = bad[column].astype(object)
        bad.loc[where, column] = value
        return bad

    return _put


def doubled_name(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame[["amount"]]], axis=1)


BAD: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    ("columns", lambda f: f.drop(columns="amount"), "missing: amount"),
    ("columns", lambda f: f.assign(extra=1), "not in the contract: extra"),
    ("columns", doubled_name, "more than once: amount"),
    ("rows", lambda f: f.head(0), "0 rows"),
    ("rows", lambda f: f.head(5), "5 rows"),
    ("schema", put("amount", -3.0, 17), "amount row 17: '-3.0'"),
    ("schema", put("amount", "a lot"), "amount"),
    ("nulls", lambda f: f.assign(category=pd.Series([None] * len(f), dtype="str")), "empty: category"),
    ("nulls", put("category", None, slice(0, 9_000)), "category"),
    ("finite", put("amount", np.inf, 7), "amount: 1 rows, first 7"),
    ("duplicates", lambda f: pd.concat([f, f.head(3)], ignore_index=True), "3 copies"),
    ("keys", lambda f: pd.concat([f, f.head(3)], ignore_index=True), "occur again"),
    ("keys", put("customer_id", np.nan), "customer_id: missing in 1 rows, first 5"),
    ("keys", put("timestamp", "next Tuesday"), "'next Tuesday' in row 5 is not a date"),
    ("freshness", lambda f: f.assign(timestamp=f["timestamp"] - timedelta(days=30)), "newest row is of"),
    ("freshness", lambda f: f.assign(timestamp=f["timestamp"] + timedelta(days=30)), "in the future"),
    ("target", lambda f: f.assign(is_fraud=0), "one label only"),
    ("target", lambda f: f.drop(columns="is_fraud"), "no column 'is_fraud'"),
    ("target", put("is_fraud", 2), "0, 1, 2"),
    ("holdout-size", lambda f: f[(f["is_fraud"] == 0) | (f.index % 40 == 0)].reset_index(drop=True), "of class 1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "spoil", "words"), BAD, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(BAD)])
def test_a_check_is_red_on_its_bad_rows(
    trained: Path, good: pd.DataFrame, name: str, spoil: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    check = judge_one(name, spoil(good), context(trained))
    assert check.status == "fail", check
    assert words in check.evidence
    assert check.mend
    assert "\n" not in check.evidence


@pytest.mark.parametrize("column", ["customer_id", "transaction_id"])
def test_a_value_that_names_a_person_is_not_told_where_it_breaks_the_contract(
    trained: Path, good: pd.DataFrame, column: str
) -> None:
    """The report is posted on the pull request."""
    check = judge_one("schema", put(column, "Quittenbaum", 17)(good), context(trained))
    assert check.status == "fail"
    assert f"{column} row 17" in check.evidence or f"{column}: " in check.evidence
    assert "Quittenbaum" not in check.evidence


def test_a_feature_that_tells_the_target_is_found(trained: Path, good: pd.DataFrame) -> None:
    def leaking(frame: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
        noise = np.random.default_rng(0).normal(0, 0.05, len(frame))
        return pd.DataFrame({"amount": frame["amount"], "chargeback": frame["is_fraud"] + noise}, index=frame.index)

    check = judge_one("leakage", good, context(trained, features=leaking))
    assert (check.status, check.evidence[:10]) == ("fail", "chargeback")


@pytest.mark.parametrize("column", ["customer_id", "transaction_id", "label_time"])
def test_a_feature_that_names_a_person_is_found(trained: Path, good: pd.DataFrame, column: str) -> None:
    check = judge_one("personal-data", good, context(trained, features=lambda f, _: f[["amount", column]]))
    assert (check.status, check.evidence) == ("fail", f"features() gives {column}")


def test_a_target_that_is_also_a_feature_is_found(trained: Path, good: pd.DataFrame) -> None:
    check = judge_one("target", good, context(trained, features=lambda f, _: f[["amount", "is_fraud"]]))
    assert (check.status, check.evidence) == ("fail", "is_fraud is a feature as well")


def test_an_entity_on_both_sides_is_found_where_rows_are_cut_by_identifier(trained: Path, good: pd.DataFrame) -> None:
    def cut(cluster: str | None) -> dict[str, Any]:
        return {
            "data": {"time": None, "label_time": None, "cluster": cluster},
            "split": {"holdout": 0.2, "gap": None},
        }

    copies = pd.concat([good, good], ignore_index=True)
    copies["transaction_id"] = np.arange(len(copies))
    fair = judge_one("split-overlap", good, context(trained, sections=cut("customer_id")))
    assert fair.status == "pass", fair
    unfair = judge_one("split-overlap", copies, context(trained, sections=cut(None)))
    assert unfair.status == "fail"
    assert "copies of training rows" in unfair.evidence


def test_case_7_a_snapshot_that_is_a_symlink_is_refused(trained: Path, good: pd.DataFrame, tmp_path: Path) -> None:
    link = tmp_path / "raw.parquet"
    link.symlink_to(trained / "data" / "raw.parquet")
    assert judge_one("source", good, context(trained, source=link)).status == "fail"


def test_a_check_that_cannot_run_is_an_error_and_stops_no_other(trained: Path, good: pd.DataFrame) -> None:
    def broken(frame: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
        raise RuntimeError("the features fell over")

    found = {check.id: check for check in judge(good, context(trained, features=broken))}
    assert found["leakage"].status == "error"
    assert "the features fell over" in found["leakage"].evidence
    assert found["rows"].status == "pass"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_noise_is_no_leak_whatever_the_task(task: Any) -> None:
    random = np.random.default_rng(3)
    noise = pd.Series(random.normal(size=4_000))
    names = pd.Series([f"id{i}" for i in range(4_000)])
    y = random.normal(size=4_000) if task == "regression" else random.integers(0, 2 if task == "binary" else 3, 4_000)
    for feature in (noise, names):
        assert strength(feature, y, task) < 0.6
    exact = pd.Series(y.astype(float)) if task == "regression" else pd.Series(y.astype(str))
    assert strength(exact, y, task) > 0.99
