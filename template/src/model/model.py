"""The estimator: preprocessing and classifier in one fitted object, so that both travel together."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlgate.errors import ConfigError
from mlgate.params import Params
from model.features import CATEGORIES, FEATURES


def build(params: Params) -> Pipeline:
    """An unfitted pipeline: ordinal codes for the category, then boosted trees.

    A category that is missing, or that training never saw, becomes NaN, which the trees treat as a value of its own.

    Parameters
    ----------
    params
        `params.model` holds keyword arguments of HistGradientBoostingClassifier; `seed` is its random_state.

    Returns
    -------
    Pipeline
        Fit it on a frame with the columns FEATURES, shape (n, len(FEATURES)), and targets 0/1, shape (n,).

    Raises
    ------
    ConfigError
        If `params.model` holds a key that the classifier does not know.
    """
    settings = dict(params.model)
    seed = settings.pop("seed", 0)
    classifier = HistGradientBoostingClassifier(random_state=seed, early_stopping=False)
    unknown = sorted(set(settings) - set(classifier.get_params()))
    if unknown:
        raise ConfigError(f"params.yaml: model.{unknown[0]}: unknown key", "see HistGradientBoostingClassifier")
    classifier.set_params(**settings)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    numbers = [name for name in FEATURES if name not in CATEGORIES]
    columns = ColumnTransformer([("categories", encoder, list(CATEGORIES)), ("numbers", "passthrough", numbers)])
    return Pipeline([("columns", columns), ("classifier", classifier)])
