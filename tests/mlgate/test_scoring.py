"""Scores have the shape of their task, and are numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlgate.errors import DataError
from mlgate.gates.scoring import score

INPUTS = pd.DataFrame({"x": np.linspace(-3, 3, 60)}, index=range(100, 160))


class Broken(RegressorMixin, BaseEstimator):
    """Predicts NaN in its fourth row."""

    def predict(self, inputs: pd.DataFrame) -> np.ndarray:
        return np.where(np.arange(len(inputs)) == 3, np.nan, 1.0)


def test_a_binary_score_is_the_probability_of_class_one() -> None:
    model = LogisticRegression().fit(INPUTS, (INPUTS["x"] > 0).astype(int))
    scores = score(model, INPUTS, "binary")
    assert scores.shape == (60,)
    assert scores[0] < 0.1 < 0.9 < scores[-1]


def test_multiclass_scores_are_one_column_a_class_number() -> None:
    model = LogisticRegression().fit(INPUTS, np.digitize(INPUTS["x"], [-1, 1]))
    scores = score(model, INPUTS, "multiclass")
    assert scores.shape == (60, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert scores[0].argmax() == 0
    assert scores[-1].argmax() == 2


def test_a_regression_score_is_the_prediction() -> None:
    model = LinearRegression().fit(INPUTS, 2 * INPUTS["x"] + 1)
    np.testing.assert_allclose(score(model, INPUTS, "regression"), 2 * INPUTS["x"] + 1)


def test_a_binary_model_that_met_one_class_only_is_refused() -> None:
    model = DummyClassifier().fit(INPUTS, np.zeros(60, dtype=int))
    with pytest.raises(DataError, match=r"classes \[0\]"):
        score(model, INPUTS, "binary")


def test_a_score_that_is_not_finite_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match=r"1 scores are not finite, first in row 103"):
        score(Broken(), INPUTS, "regression")
