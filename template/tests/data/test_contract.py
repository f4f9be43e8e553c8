"""The contract of the data: the snapshot keeps it, and each kind of bad row breaks it with the column's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandera.errors import SchemaErrors

from mlgate.params import Params
from mlgate.table import roles
from model.data import load
from model.features import FEATURES, HISTORY
from model.schema import Inputs, Labelled, Predictions

RAW = Path(__file__).resolve().parents[2] / "data" / "raw.parquet"


@pytest.fixture(scope="module")
def snapshot(params: Params) -> pd.DataFrame:
    return load(params)


def test_the_snapshot_keeps_the_contract(snapshot: pd.DataFrame) -> None:
    Labelled.validate(snapshot, lazy=True)


@pytest.mark.skipif(not RAW.is_file(), reason="no snapshot yet: `mlgate ingest` takes one")
def test_the_snapshot_in_data_keeps_the_contract() -> None:
    Labelled.validate(pd.read_parquet(RAW), lazy=True)


def test_the_contract_and_params_name_the_same_columns(params: Params) -> None:
    roles.agree(roles.columns(Inputs), roles.columns(Labelled), params)


def test_no_feature_is_personal_or_known_only_later() -> None:
    labelled = roles.columns(Labelled)
    assert not set(FEATURES) & {*labelled.personal, *labelled.of("target", "label_time", "identifier")}


def test_every_column_has_an_owner_and_a_description() -> None:
    for contract in (Inputs, Labelled, Predictions):
        for column in roles.columns(contract).all:
            assert column.owner, column.name
            assert column.description, column.name


def test_the_history_holds_what_the_contract_of_a_request_has() -> None:
    assert set(HISTORY.columns) <= set(roles.columns(Inputs).names)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amount", 0.0),
        ("amount", -3.5),
        ("amount", 1e9),
        ("amount", np.nan),
        ("amount", np.inf),
        ("category", "Not A Word"),
        ("category", ""),
        ("category", "x" * 40),
        ("customer_id", -1),
        ("terminal_id", -1),
        ("transaction_id", -1),
        ("timestamp", pd.NaT),
        ("is_fraud", 2),
        ("label_time", pd.NaT),
    ],
)
def test_a_bad_value_is_refused_with_its_column(snapshot: pd.DataFrame, column: str, value: Any) -> None:
    rows = snapshot.head(50).copy()
    rows.loc[7, column] = value
    with pytest.raises(SchemaErrors) as refused:
        Labelled.validate(rows, lazy=True)
    assert set(refused.value.failure_cases["column"].dropna()) == {column}
    assert set(refused.value.failure_cases["index"].dropna()) <= {7}


def test_a_column_too_many_or_too_few_is_refused_with_its_name(snapshot: pd.DataFrame) -> None:
    rows = snapshot.head(50)
    with pytest.raises(SchemaErrors, match="iban"):
        Labelled.validate(rows.assign(iban="DE00"), lazy=True)
    with pytest.raises(SchemaErrors, match="amount"):
        Labelled.validate(rows.drop(columns="amount"), lazy=True)


def test_a_new_or_missing_category_is_allowed(snapshot: pd.DataFrame) -> None:
    rows = snapshot.head(50).copy()
    rows.loc[3, "category"] = "space-tourism"
    rows.loc[4, "category"] = None
    assert Labelled.validate(rows, lazy=True)["category"].isna()[4]


def test_labels_arrive_after_the_transaction_and_within_the_gap(snapshot: pd.DataFrame, params: Params) -> None:
    delay = snapshot["label_time"] - snapshot["timestamp"]
    assert delay.min() > pd.Timedelta(0)
    assert params.split.gap is not None
    assert delay.max() <= params.split.gap
