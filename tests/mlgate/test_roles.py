"""Columns and the parts they play, read from any contract."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest

from mlgate.errors import ConfigError
from mlgate.params import parse
from mlgate.table import roles
from model.schema import Inputs, Labelled


def role(*names: str) -> dict[str, Any]:
    return {"role": list(names) if len(names) > 1 else names[0], "owner": "somebody"}


class Table(pa.DataFrameModel):
    """A contract as `mlgate adopt` might write it."""

    number: int = pa.Field(metadata=role("identifier"))
    day: pd.Timestamp = pa.Field(metadata=role("time"))
    price: float = pa.Field(nullable=True, metadata=role("feature"), description="in euros")
    small: pa.typing.Series[pd.Int8Dtype] = pa.Field(nullable=True, metadata=role("feature"))
    open: bool = pa.Field(metadata=role("feature"))
    colour: str = pa.Field(metadata=role("feature", "sensitive"))
    kind: pa.typing.Series[pd.CategoricalDtype] = pa.Field(metadata=role("ignored"))


def test_columns_come_in_the_order_of_the_contract_with_kind_and_gaps() -> None:
    columns = roles.columns(Table)
    assert columns.names == ("number", "day", "price", "small", "open", "colour", "kind")
    assert [column.kind for column in columns.all] == [
        "integer", "time", "number", "integer", "boolean", "string", "string",
    ]  # fmt: skip
    assert [column.name for column in columns.all if column.nullable] == ["price", "small"]
    assert columns["price"].description == "in euros"
    assert columns["price"].owner == "somebody"


def test_columns_are_found_by_role() -> None:
    columns = roles.columns(Table)
    assert columns.features == ("price", "small", "open", "colour")
    assert columns.of("identifier", "time") == ("number", "day")
    assert columns.personal == ("colour",)
    assert "price" in columns
    assert "prize" not in columns
    with pytest.raises(KeyError):
        columns["prize"]


def test_the_default_contract_hides_customers_and_offers_two_features() -> None:
    columns = roles.columns(Inputs)
    assert columns.features == ("amount", "category")
    assert columns.personal == ("customer_id",)


def test_a_column_without_a_role_or_with_an_unknown_one_is_refused_by_name() -> None:
    class Silent(pa.DataFrameModel):
        age: int

    class Wrong(pa.DataFrameModel):
        age: int = pa.Field(metadata=role("feature", "pet"))

    with pytest.raises(ConfigError, match=r"Silent: column 'age' has no role"):
        roles.columns(Silent)
    with pytest.raises(ConfigError, match=r"Wrong: column 'age' has the unknown role 'pet'"):
        roles.columns(Wrong)


def params(**data: Any) -> Any:
    parts = {"id": "transaction_id", "time": "timestamp", "label_time": "label_time", "cluster": "customer_id"}
    return parse(
        {
            "project": {"name": "x", "slug": "x", "owner": "x"},
            "data": {"task": "binary", "target": "is_fraud", **parts, **data},
            "quality": {},
            "split": {"holdout": "28d"},
            "model": {},
            "gates": {"metric": "roc_auc", "floor": {"threshold": 0.5}, "champion": {"margin": 0.1}},
            "monitor": {"window": "1d"},
            "serving": {"ports": {"staging": 1, "production": 2}},
        }
    )


def test_parameters_that_agree_with_the_contract_pass() -> None:
    roles.agree(roles.columns(Inputs), roles.columns(Labelled), params())


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"time": "when"}, "data.time: model.schema.Labelled has no column 'when'"),
        ({"target": "amount"}, "data.target is 'amount', whose role in model.schema is feature"),
        ({"cluster": "terminal_id"}, "data.cluster is 'terminal_id'"),
        ({"id": "category"}, "data.id is 'category'"),
    ],
)
def test_parameters_that_disagree_with_the_contract_are_refused_by_key(data: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        roles.agree(roles.columns(Inputs), roles.columns(Labelled), params(**data))


def test_a_target_among_the_inputs_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Inputs holds 'is_fraud'"):
        roles.agree(roles.columns(Labelled), roles.columns(Labelled), params())
