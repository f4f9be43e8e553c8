"""A fitted pipeline as one function of one row's features, in plain Python and without frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

import numpy as np

from mlgate.params import Task
from mlgate.serving.fast.not_lifted import NotLiftedError
from mlgate.serving.fast.steps import chain, step
from mlgate.serving.fast.trees import raw_scores

Score = float | list[float]
Lifted = Callable[[list[Any]], Score]
LINEAR = ("LinearRegression", "Ridge", "Lasso", "ElasticNet")


def lift(pipeline: Any, features: Sequence[str], task: Task) -> Lifted:
    """From the values of `features`, in that order, to what `mlgate.gates.scoring.score` gives for that row.

    Raises
    ------
    NotLiftedError
        If a step or the estimator has no fast equal; the text names it.
    """
    try:
        before, score = _parts(pipeline, task)
    except NotLiftedError:
        raise
    except Exception as error:  # another version of scikit-learn keeps these things elsewhere
        raise NotLiftedError(f"the pipeline can't be read: {type(error).__name__}: {error}") from error
    names = getattr(pipeline, "feature_names_in_", None)
    if names is not None and list(names) != list(features):
        raise NotLiftedError("the pipeline was fitted on other columns than FEATURES")
    if before is None:
        return score
    return lambda values: score(before(values))


def _parts(pipeline: Any, task: Task) -> tuple[Callable[[list[Any]], list[Any]] | None, Lifted]:
    members = [member for _, member in pipeline.steps] if type(pipeline).__name__ == "Pipeline" else [pipeline]
    estimator = members[-1]
    kind = type(estimator).__name__
    steps = [step(member) for member in members[:-1]]
    if not type(estimator).__module__.startswith("sklearn."):
        raise NotLiftedError(f"{kind} has no fast equal")
    if kind in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        if estimator._preprocessor is not None:
            steps.append(step(estimator._preprocessor))
        return chain(steps), _boosted(estimator, task)
    if kind == "LogisticRegression" and task != "regression":
        return chain(steps), _logistic(estimator, task)
    if kind in LINEAR and task == "regression":
        return chain(steps), _linear(estimator)
    raise NotLiftedError(f"{kind} has no fast equal")


def _boosted(estimator: Any, task: Task) -> Lifted:
    raw, loss = raw_scores(estimator), estimator._loss
    if task == "regression":
        inverse = loss.link.inverse
        return lambda values: float(inverse(np.array(raw(values)))[0])
    if task == "binary":
        _binary(estimator)
        return lambda values: float(loss.predict_proba(np.array(raw(values)))[0, 1])
    return lambda values: loss.predict_proba(np.array([raw(values)]))[0].tolist()


def _binary(estimator: Any) -> None:
    if [int(value) for value in estimator.classes_] != [0, 1]:
        raise NotLiftedError("the model knows other classes than 0 and 1")


def _weighted(estimator: Any) -> Callable[[list[float]], list[float]]:
    weights = np.atleast_2d(estimator.coef_).tolist()
    first = np.broadcast_to(np.atleast_1d(estimator.intercept_), (len(weights),)).tolist()
    return lambda values: [sum(map(mul, own, values)) + start for own, start in zip(weights, first, strict=True)]


def _linear(estimator: Any) -> Lifted:
    weighted = _weighted(estimator)
    if np.ndim(estimator.coef_) != 1:
        raise NotLiftedError("a linear model of several targets")
    return lambda values: weighted(values)[0]


def _logistic(estimator: Any, task: Task) -> Lifted:
    from scipy.special import expit, softmax

    weighted = _weighted(estimator)
    if task == "binary":
        _binary(estimator)
        return lambda values: float(expit(weighted(values)[0]))
    if len(estimator.classes_) < 3 or estimator.solver == "liblinear":
        raise NotLiftedError("a logistic regression of one class against the rest")
    return lambda values: softmax(weighted(values)).tolist()
