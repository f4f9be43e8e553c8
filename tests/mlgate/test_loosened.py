"""A change of params.yaml that lets more pass is found, whichever way it goes; a stricter one is nobody's business."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from mlgate.errors import ConfigError
from mlgate.params import Params, parse
from mlgate.quality.loosened import RULES, judge, loosened
from mlgate.yaml_file import read_yaml

TEMPLATE = Path(__file__).parents[2] / "template" / "params.yaml"


def content(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(read_yaml(TEMPLATE))
    found["project"] |= {"name": "Card fraud", "slug": "card-fraud", "owner": "acme"}
    found["quality"]["max_age"] = "3d"
    found["deploy"] |= {"soak": "2h", "verify": "key"}
    for path, value in changes.items():
        section: Any = found
        *folders, last = path.split("__")
        for folder in folders:
            section = section[folder]
        section[last] = value
    return found


BEFORE = parse(content())


def after(**changes: Any) -> Params:
    return parse(content(**changes))


LOOSER = [
    ("gates__floor__threshold", 0.0),
    ("gates__floor__confidence", 0.6),
    ("gates__champion__margin", 0.5),
    ("gates__champion__confidence", 0.6),
    ("gates__metric", "roc_auc"),
    ("quality__min_rows", 1),
    ("quality__max_rows", 99_000_000),
    ("quality__max_columns", 9_000),
    ("quality__max_null_share", 1.0),
    ("quality__max_duplicate_share", 1.0),
    ("quality__max_age", None),
    ("quality__max_age", "9d"),
    ("quality__max_feature_auc", 1.0),
    ("split__holdout", "1d"),
    ("split__gap", None),
    ("split__salt", "lucky"),
    ("data__target", "amount"),
    ("data__positive", 0),
    ("data__cluster", None),
    ("data__time", None),
    ("monitor__window", "2d"),
    ("monitor__season", None),
    ("monitor__k", 3),
    ("monitor__n", 9),
    ("monitor__min_rows", 1),
    ("monitor__false_alarm", 0.0001),
    ("deploy__soak", None),
    ("deploy__verify", "none"),
    ("deploy__key", "mine.pub"),
]
STRICTER = [
    ("gates__floor__threshold", 0.9),
    ("gates__champion__margin", 0.001),
    ("quality__min_rows", 9_000),
    ("quality__max_age", "1d"),
    ("deploy__soak", "3h"),
    ("deploy__verify", "github"),
    ("model__max_iter", 3),
]


@pytest.mark.parametrize(("path", "value"), LOOSER)
def test_a_looser_threshold_is_named_with_both_values(path: str, value: object) -> None:
    (said,) = loosened(BEFORE, after(**{path: value}))
    assert said.startswith(path.replace("__", ".") + ": ")


@pytest.mark.parametrize(("path", "value"), STRICTER)
def test_a_stricter_one_is_not(path: str, value: object) -> None:
    assert loosened(BEFORE, after(**{path: value})) == []


def test_every_rule_is_tried() -> None:
    assert {path.replace("__", ".") for path, _ in LOOSER} == {*RULES, "gates.floor.threshold"}


def test_where_lower_is_better_a_higher_floor_is_looser() -> None:
    before = after(gates__metric="log_loss", gates__floor__threshold=0.3)
    assert loosened(before, after(gates__metric="log_loss", gates__floor__threshold=0.9))
    assert not loosened(before, after(gates__metric="log_loss", gates__floor__threshold=0.1))


def test_all_thresholds_at_zero_are_red_until_an_owner_agrees() -> None:
    zero = after(gates__floor__threshold=0.0, quality__min_rows=1, gates__champion__margin=1.0)
    check = judge(BEFORE, zero, "origin/main", approved=False)
    assert check.status == "fail"
    assert check.evidence.count(" became ") == 3
    assert judge(BEFORE, zero, "origin/main", approved=True).status == "pass"


def test_a_former_file_that_cannot_be_read_is_an_error_not_a_pass() -> None:
    assert judge(ConfigError("unknown key"), BEFORE, "origin/main", approved=False).status == "error"
