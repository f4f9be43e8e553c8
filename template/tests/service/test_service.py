"""The service answers as training computed, and refuses what breaks the contract by row and field."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlgate.replay.wire import scores_in
from mlgate.serving.prediction_log import read
from mlgate.serving.rows import RequestError


def test_the_same_rows_score_the_same_offline_and_through_the_service(service: Any, offline: Any) -> None:
    rows = service.next
    half = len(rows) // 2
    one_by_one = [answer for i in range(half) for answer in service.ask(rows.iloc[[i]])]
    answers = one_by_one + service.ask(rows.iloc[half:])
    online = scores_in({"predictions": answers}, service.runtime.card.classes)
    np.testing.assert_allclose(online, offline, rtol=1e-9, atol=1e-12)  # sums of a linear model depend on the batch


def test_a_row_sent_again_gets_the_same_answer(service: Any) -> None:
    assert service.ask(service.next.tail(3)) == service.ask(service.next.tail(3))


def test_an_answer_names_the_model_and_each_row(service: Any) -> None:
    body, _ = service.runtime.predict(service.body(service.next.head(2)))
    answer = json.loads(body)
    assert answer["model_version"] == service.runtime.version
    if name := service.runtime.params.data.id:
        assert [one[name] for one in answer["predictions"]] == service.next[name].head(2).tolist()


def _row(service: Any) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(service.body(service.next.head(1)))["rows"][0]
    return row


def test_a_missing_column_and_an_unknown_one_are_refused_by_name(service: Any) -> None:
    row = _row(service)
    missing = next(iter(row))
    del row[missing]
    with pytest.raises(RequestError) as refused:
        service.runtime.predict(json.dumps({"rows": [row | {"no_such_column": 1}]}).encode())
    assert refused.value.status == 422
    named = [problem["loc"] for problem in refused.value.detail]
    assert ["rows", 0, missing] in named
    assert ["rows", 0, "no_such_column"] in named


def test_case_27_a_value_of_the_wrong_type_is_refused_in_every_column(service: Any) -> None:
    for name in _row(service):
        with pytest.raises(RequestError) as refused:
            service.runtime.predict(json.dumps({"rows": [_row(service) | {name: {"a": [1]}}]}).encode())
        assert ["rows", 0, name] in [problem["loc"] for problem in refused.value.detail], name


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_case_27_numbers_that_are_none_are_refused_in_every_column(service: Any, value: str) -> None:
    for name in _row(service):
        text = json.dumps({"rows": [_row(service) | {name: "@"}]}).replace('"@"', value)
        with pytest.raises(RequestError) as refused:
            service.runtime.predict(text.encode())
        assert ["rows", 0, name] in [problem["loc"] for problem in refused.value.detail], name


def test_what_is_not_json_is_refused(service: Any) -> None:
    for content in (b"", b"rows", b"\xff", b"[" * 100_000):
        with pytest.raises(RequestError) as refused:
            service.runtime.predict(content)
        assert refused.value.status == 400


def test_the_log_holds_features_and_scores_and_no_personal_data(service: Any) -> None:
    from mlgate.table.roles import columns
    from model.features import FEATURES
    from model.schema import Inputs

    answers = service.ask(service.next)
    service.runtime.flush()
    frame = read(service.runtime.state / "predictions")
    inputs = columns(Inputs)
    kept = set(FEATURES) - {*inputs.personal, *inputs.of("identifier")}
    assert set(frame.columns) - {"event_time", "time", "version", "row"} - kept <= {"score"} | {
        f"score_{i}" for i in range(len(service.runtime.card.classes))
    }
    assert len(frame) >= len(answers)
    text = "".join(path.read_text(encoding="utf-8") for path in (service.runtime.state / "predictions").iterdir())
    for name in inputs.of("identifier", "pii", "sensitive"):
        assert f'"{name}"' not in text
