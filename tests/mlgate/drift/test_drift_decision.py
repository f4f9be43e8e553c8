"""The decision table, and what counts as an alarm."""

from __future__ import annotations

import pytest

from mlgate.drift.decision import decayed, decide
from mlgate.drift.watch import Finding, Window

OTHER = Finding("other", "distribution", 0.0, 0.1, 1.0, flagged=False, calibrated=True, is_score=False)


def finding(aspect: str = "distribution", is_score: bool = False, calibrated: bool = True) -> Finding:
    return Finding("score" if is_score else "a", aspect, 0.5, 0.1, 0.0, True, calibrated, is_score)


def window(block: int, *findings: Finding, traffic: int = 500, judged: bool = True) -> Window:
    return Window(block, traffic, traffic, 500.0, 100.0, (OTHER, *findings) if judged else ())


DATA, LOST, SCORE, ODD = finding(), finding("missing"), finding(is_score=True), finding(calibrated=False)
NEW = finding("novelty")


@pytest.mark.parametrize(
    ("windows", "word"),
    [
        ([[], [], []], "healthy"),
        ([[], [], [DATA]], "watch"),
        ([[DATA], [DATA], []], "healthy"),
        ([[DATA], [], [DATA]], "retrain"),
        ([[], [DATA], [DATA]], "retrain"),
        ([[DATA, SCORE], [DATA, SCORE], [DATA, SCORE]], "retrain"),
        ([[NEW], [NEW], [NEW]], "retrain"),
        ([[LOST, DATA], [LOST, DATA], [LOST, DATA]], "investigate"),
        ([[SCORE], [SCORE], [SCORE]], "investigate"),
        ([[ODD], [ODD], [ODD]], "watch"),
        ([[LOST], [DATA], [NEW]], "watch"),
    ],
)
def test_the_decision_follows_its_table(windows: list, word: str) -> None:
    assert decide([window(i, *found) for i, found in enumerate(windows)], 2, 3).word == word


def test_silence_outranks_everything_and_only_the_newest_window_can_be_silent() -> None:
    quiet = window(2, traffic=3, judged=False)
    assert decide([window(0, DATA), window(1, DATA), quiet], 2, 3).silent
    assert decide([window(0, DATA), window(1, DATA), quiet], 2, 3).word == "investigate"
    assert decide([window(0), quiet, window(3)], 2, 3).word == "healthy"
    assert decide([], 2, 3).silent


@pytest.mark.parametrize(
    ("found", "former", "word"),
    [((), "f" * 12, "rollback"), ((), "", "retrain"), ((SCORE,), "f" * 12, "rollback"), ((DATA,), "f" * 12, "retrain"),
     ((LOST,), "f" * 12, "investigate")],
)  # fmt: skip
def test_a_worse_model_goes_back_only_where_the_former_was_good_and_no_input_moved(
    found: tuple[Finding, ...], former: str, word: str
) -> None:
    decision = decide([window(i, *found) for i in range(3)], 2, 3)
    said = decayed(decision, "roc_auc is 0.5", former)
    assert (said.word, "roc_auc is 0.5" in said.reason) == (word, True)


def test_an_alarm_needs_the_newest_window_and_k_of_the_last_n_only() -> None:
    old = [window(i, DATA) for i in range(5)]
    assert decide([*old, window(5), window(6), window(7, DATA)], 2, 3).word == "watch"
    alarm = decide([*old, window(5, DATA)], 2, 3).alarms[0]
    assert (alarm.finding.column, alarm.windows) == ("a", 3)


def test_traffic_that_another_version_answered_is_neither_silence_nor_drift() -> None:
    found = decide([window(0, judged=False)], 2, 3)
    assert (found.word, found.silent) == ("healthy", False)
    assert "too few rows of this model version" in found.reason
