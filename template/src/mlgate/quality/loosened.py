"""Which thresholds a change of `params.yaml` loosens: a gate that anyone can lower in passing is no gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlgate.duration import format_duration
from mlgate.errors import MlgateError
from mlgate.gates.metrics import METRICS
from mlgate.params import Params
from mlgate.report import Check

Looser = Callable[[Any, Any], bool]
SIGNERS = ("none", "key", "github")  # from no signature to one that nobody can make by hand


def _fewer(old: Any, new: Any) -> bool:
    return bool(new < old)


def _more(old: Any, new: Any) -> bool:
    return bool(new > old)


def _longer_or_never(old: Any, new: Any) -> bool:
    return old is not None and (new is None or new > old)


def _shorter_or_none(old: Any, new: Any) -> bool:
    return old is not None and (new is None or new < old)


def _another(old: Any, new: Any) -> bool:
    return bool(old != new)


def _weaker_signer(old: Any, new: Any) -> bool:
    return SIGNERS.index(new) < SIGNERS.index(old)


RULES: dict[str, Looser] = {
    "gates.metric": _another,
    "gates.floor.confidence": _fewer,
    "gates.champion.margin": _more,
    "gates.champion.confidence": _fewer,
    "quality.min_rows": _fewer,
    "quality.max_rows": _more,
    "quality.max_columns": _more,
    "quality.max_null_share": _more,
    "quality.max_duplicate_share": _more,
    "quality.max_age": _longer_or_never,
    "quality.max_feature_auc": _more,
    "split.holdout": _another,
    "split.gap": _shorter_or_none,
    "split.salt": _another,
    "data.target": _another,
    "data.positive": _another,
    "data.cluster": _another,
    "data.time": _another,
    "monitor.window": _another,
    "monitor.season": _another,
    "monitor.k": _more,
    "monitor.n": _another,
    "monitor.min_rows": _fewer,
    "monitor.false_alarm": _fewer,
    "deploy.soak": _shorter_or_none,
    "deploy.verify": _weaker_signer,
    "deploy.key": _another,
}


def judge(old: Params | MlgateError, new: Params, base: str, approved: bool) -> Check:
    """Red where `new` loosens a threshold and nobody with the right to it agreed; `error` where `old` can't be read."""
    check = Check(id="thresholds", title="No threshold is loosened in passing", status="pass")
    if isinstance(old, MlgateError):
        found, check.status = [f"params.yaml of {base} can't be compared: {old}"], "error"
    else:
        found = loosened(old, new)
        check.status = "fail" if found else "pass"
    check.evidence = "; ".join(found) or f"as strict as {base}"
    if found and approved:
        check.status, check.evidence = "pass", f"approved: {check.evidence}"
    elif found:
        check.mend = "take it back, or have an owner agree: --thresholds-approved, on a pull request by label"
    return check


def loosened(old: Params, new: Params) -> list[str]:
    """Each key by which `new` lets more pass than `old` did, as a sentence; those whose direction is unclear, too."""
    said = [
        f"{key}: {_shown(before)} became {_shown(after)}"
        for key, looser in RULES.items()
        if looser(before := _value(old, key), after := _value(new, key))
    ]
    before, after = old.gates.floor.threshold, new.gates.floor.threshold
    metric = METRICS.get(old.gates.metric)
    lower_is_looser = metric is None or metric.higher_is_better
    if after < before if lower_is_looser else after > before:
        said.insert(0, f"gates.floor.threshold: {_shown(before)} became {_shown(after)}")
    return said


def _value(params: Params, key: str) -> Any:
    value: Any = params
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _shown(value: Any) -> str:
    return format_duration(value) if hasattr(value, "total_seconds") else "null" if value is None else str(value)
