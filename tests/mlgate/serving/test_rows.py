"""Requests meet the data contract, and a refusal names row and field."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from mlgate.serving.rows import Contract, RequestError


class Plain(pa.DataFrameModel):
    """Every check has its equal in a request's type."""

    id: int = pa.Field(ge=0, unique=True)
    when: pd.Timestamp = pa.Field(ge=pd.Timestamp("2000-01-01"))
    amount: float = pa.Field(gt=0, le=100)
    rate: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 1})
    kind: str = pa.Field(nullable=True, isin=["a", "b"])
    word: str = pa.Field(str_matches="^[a-zé]+$", str_length={"min_value": 2, "max_value": 5})
    small: np.int8
    count: pd.Int64Dtype = pa.Field(nullable=True)
    flag: bool
    free: float
    text: str
    even: int = pa.Field(isin=[2, 4])

    class Config:
        strict = True
        coerce = True


class Inputs(Plain):
    """One check has not, and runs on the frame."""

    even: int

    @pa.check("even")
    def _is_even(cls, values: pd.Series[int]) -> pd.Series[bool]:  # noqa: N805 - pandera passes the class
        return values % 2 == 0


GOOD: dict[str, Any] = {
    "id": 1,
    "when": "2026-01-31T12:00:00",
    "amount": 1,
    "rate": None,
    "kind": "a",
    "word": "abc",
    "small": 1,
    "count": None,
    "flag": True,
    "free": -0.5,
    "text": "Any text,\nin lines",
    "even": 2,
}


@pytest.fixture(scope="module", params=[Plain, Inputs])
def contract(request: pytest.FixtureRequest) -> Contract:
    return Contract(request.param.to_schema(), max_rows=3)


def body(**changes: Any) -> bytes:
    return json.dumps({"rows": [GOOD | changes]}).encode()


def raw(field: str, text: str) -> bytes:
    """A request in which `field` is written as `text`, which need not be JSON."""
    return body(**{field: "@"}).replace(b'"@"', text.encode())


def test_a_good_row_becomes_a_frame_in_the_dtypes_of_the_contract(contract: Contract) -> None:
    frame = contract.parse(body())
    pd.testing.assert_frame_equal(frame, Inputs.validate(frame))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        name: str(column.dtype.type if "str" not in str(column.dtype) else "str")
        for name, column in Inputs.to_schema().columns.items()
    }


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00", datetime(2026, 1, 31, 12)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12)),
        ("2026-01-31T12:00:00.25+02:00", datetime(2026, 1, 31, 10, 0, 0, 250_000)),
    ],
)
def test_a_moment_with_a_zone_becomes_utc_without_one(contract: Contract, text: str, moment: datetime) -> None:
    assert contract.parse(body(when=text))["when"][0] == moment


def test_text_is_brought_to_one_normal_form(contract: Contract) -> None:
    assert contract.parse(body(word="e\u0301te"))["word"][0] == "\u00e9te"


ANY = st.characters(min_codepoint=0, max_codepoint=0x10FFFF, exclude_categories=())  # lone surrogates as well
ODD = st.sampled_from("\x00\x1b\x7f\u0301\u200b\u202e\u2066\ufeff\ufffe\ud800\udfffe\u00e9\u0430\uac00\u1100\u1161")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=st.text(ANY | ODD, max_size=6))
@example(text="\u202eabc")
@example(text="\ud83d")
@example(text="a\x00b")
def test_case_28_any_text_is_refused_by_its_field_or_has_one_normal_form_that_can_be_kept(
    contract: Contract, text: str
) -> None:
    found = [heard(contract, form) for form in (text, *(unicodedata.normalize(name, text) for name in ("NFC", "NFD")))]
    assert found[0] == found[1] == found[2]  # however it was written
    if isinstance(found[0], str):
        assert found[0] == unicodedata.normalize("NFC", text)
        assert json.loads(to_json(found[0])) == found[0]  # as the prediction log keeps it
        assert not set(found[0]) & set("\x00\x1b\u202e\u2066\ud800")
    else:
        assert found[0] == (422, [["rows", 0, "text"]])


def heard(contract: Contract, text: str) -> str | tuple[int, list[Any]]:
    """What the contract makes of a text: its value, or the refusal's status and places."""
    try:
        return str(contract.parse(body(text=text))["text"][0])
    except RequestError as refused:
        return refused.status, [problem["loc"] for problem in refused.detail]


@pytest.mark.parametrize("kind", ["\u0430", "A", "a ", "a\u200b", "\uff41", "a\u0301"])
def test_case_28_what_only_looks_like_a_category_is_unknown(contract: Contract, kind: str) -> None:
    with pytest.raises(RequestError) as refused:
        contract.parse(body(kind=kind))
    assert refused.value.status == 422
    assert [problem["loc"] for problem in refused.value.detail] == [["rows", 0, "kind"]]


@pytest.mark.parametrize(("field", "text", "value"), [
    ("id", "7.0", 7), ("id", "70e-1", 7), ("id", "-0.0", 0), ("id", "9007199254740991.0", 2**53 - 1),
    ("small", "-1e2", -100), ("count", "3.0", 3), ("even", "4.0", 4),
])  # fmt: skip
def test_an_integer_is_one_however_it_is_written(contract: Contract, field: str, text: str, value: int) -> None:
    (row,) = contract.read(raw(field, text))  # from here on, frames and the fast path have the same
    assert (row[field], type(row[field])) == (value, int)
    pd.testing.assert_frame_equal(contract.parse(raw(field, text)), contract.parse(raw(field, str(value))))


CASE_27 = [
    ("amount", "NaN"),
    ("amount", "Infinity"),
    ("amount", "-Infinity"),
    ("amount", "1e400"),
    ("amount", '"1"'),
    ("amount", "true"),
    ("amount", "[1]"),
    ("amount", "{}"),
    ("amount", "null"),
    ("amount", "0"),
    ("amount", "100.5"),
    ("amount", "1" * 5000),
    ("rate", "1.5"),
    ("id", "9223372036854775808"),
    ("id", "-9223372036854775809"),
    ("id", "-1"),
    ("id", "1.5"),
    ("id", "9007199254740992.0"),
    ("id", "1e18"),
    ("id", "1e400"),
    ("id", "NaN"),
    ("id", "true"),
    ("id", '"1"'),
    ("small", "128"),
    ("small", "128.0"),
    ("flag", "1.0"),
    ("text", "1.0"),
    ("count", "9223372036854775808"),
    ("flag", "1"),
    ("when", "5"),
    ("when", '"yesterday"'),
    ("when", '"1999-12-31T00:00:00"'),
    ("when", '"1500-01-01T00:00:00"'),
    ("when", '"2262-04-12T00:00:00"'),
    ("when", '"0001-01-01T00:00:00+14:00"'),
    ("when", '"9999-12-31T23:59:59-12:00"'),
    ("when", '"2300-13-01"'),
    ("kind", '"c"'),
    ("kind", "NaN"),
    ("word", '"Abc"'),
    ("word", '"a"'),
    ("word", '"abcdef"'),
    ("word", '"ab\\u0000"'),
    ("word", '"ab\\ud800"'),
    ("word", '"ab\\u202e"'),
    ("free", "NaN"),
    ("free", "-Infinity"),
    ("free", "1e400"),
    ("text", '"\\u0000"'),
    ("text", '"\\udfff"'),
    ("text", '"\\u2066"'),
    ("text", "null"),
    ("even", "3"),
]


@pytest.mark.parametrize(("field", "text"), CASE_27)
def test_case_27_a_value_outside_the_contract_is_refused_by_its_field(
    contract: Contract, field: str, text: str
) -> None:
    with pytest.raises(RequestError) as refused:
        contract.parse(raw(field, text))
    assert refused.value.status == 422
    assert ["rows", 0, field] in [problem["loc"][:3] for problem in refused.value.detail]
    json.dumps(refused.value.body(), allow_nan=False)


def test_case_27_a_duplicate_key_is_refused_by_its_name(contract: Contract) -> None:
    content = body().replace(b'"amount": 1', b'"amount": 1, "amount": 2')
    with pytest.raises(RequestError) as refused:
        contract.parse(content)
    assert refused.value.detail == [{"loc": ["rows", 0, "amount"], "msg": "Key occurs twice"}]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"rows": []}', ["rows"]),
        (b'{"rows": 5}', ["rows"]),
        (b'{"rows": [5]}', ["rows", 0]),
        (b"{}", ["rows"]),
        (b"[]", []),
        (b"null", []),
        (b'{"rows": [], "rows": []}', ["rows"]),
        (b'{"rows": [], "url": "http://localhost"}', ["url"]),
    ],
)
def test_a_body_of_another_shape_is_refused(contract: Contract, content: bytes, place: list[Any]) -> None:
    with pytest.raises(RequestError) as refused:
        contract.parse(content)
    assert refused.value.status == 422
    assert place in [problem["loc"] for problem in refused.value.detail]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b"[" * 200_000, b'{"rows": ' + b"[" * 200_000, b"{} {}", b"{'rows': []}"],
)
def test_a_body_that_is_not_json_is_refused(contract: Contract, content: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        contract.parse(content)
    assert refused.value.status == 400


def test_a_missing_field_and_an_unknown_one_are_both_named(contract: Contract) -> None:
    row = {key: value for key, value in GOOD.items() if key != "amount"} | {"file": "http://localhost/x"}
    with pytest.raises(RequestError) as refused:
        contract.parse(json.dumps({"rows": [GOOD, row]}).encode())
    assert [problem["loc"] for problem in refused.value.detail] == [["rows", 1, "amount"], ["rows", 1, "file"]]


def test_more_rows_than_allowed_are_refused(contract: Contract) -> None:
    rows = [GOOD | {"id": i} for i in range(4)]
    with pytest.raises(RequestError, match="contract"):
        contract.parse(json.dumps({"rows": rows}).encode())


def test_an_identifier_that_occurs_twice_in_a_request_is_refused(contract: Contract) -> None:
    with pytest.raises(RequestError) as refused:
        contract.parse(json.dumps({"rows": [GOOD, GOOD]}).encode())
    assert refused.value.detail == [{"loc": ["rows", 1, "id"], "msg": "Value occurs twice"}]


def test_the_published_schema_has_the_checks_of_the_contract(contract: Contract) -> None:
    fields = contract.request.model_json_schema()["$defs"]["Row"]["properties"]
    assert fields["amount"]["exclusiveMinimum"] == 0
    assert fields["amount"]["maximum"] == 100
    assert fields["word"]["pattern"]
    assert {"enum": ["a", "b"], "type": "string"} in fields["kind"]["anyOf"]
    assert {name: fields["small"][name] for name in ("type", "minimum", "maximum")} == {
        "type": "integer", "minimum": -128, "maximum": 127
    }  # fmt: skip
    assert {"type": "integer"}.items() <= fields["count"]["anyOf"][0].items()


def test_the_published_years_of_a_moment_are_those_that_are_accepted_whole() -> None:
    class Since(pa.DataFrameModel):
        when: pd.Timestamp

    contract = Contract(Since.to_schema(), max_rows=3)
    said = contract.request.model_json_schema()["$defs"]["Row"]["properties"]["when"]
    assert (said["type"], said["format"]) == ("string", "date-time")
    for year in range(1, 10_000):
        offered = bool(re.search(said["pattern"], f"{year:04}-01-01T00:00:00Z"))
        assert offered == (1678 <= year <= 2261), year
    for text in ("1678-01-01T00:00:00+14:00", "1678-01-01T00:00:00Z", "2261-12-31T23:59:59.999999-12:00"):
        contract.parse(json.dumps({"rows": [{"when": text}]}).encode())
