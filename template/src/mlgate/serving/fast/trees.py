"""Boosted trees as nested tuples: one row walks a hundred of them in the time in which scikit-learn checks its input.

scikit-learn's own walk takes microseconds, and the way to it (validation, copies, threads) a thousand. What is read of
the estimator here is not public; a version that changes it turns the fast path off, as it must first agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Node = Any  # (input, limit, then, otherwise), or the float of a leaf
Values = list[float]


class Among:
    """A limit that is a set: `value <= Among(codes)` asks whether the value is one of them."""

    __slots__ = ("codes",)

    def __init__(self, codes: frozenset[int]) -> None:
        self.codes = codes

    def __ge__(self, value: object) -> bool:
        return value in self.codes


def raw_scores(model: Any) -> Callable[[Values], Values]:
    """From the inputs of a fitted HistGradientBoosting estimator (encoded) to its raw scores, one a class or one.

    NaN compares as false, so a node must send what is missing along `otherwise`. Where it belongs to the left, the
    node is turned round: `not value <= limit` is asked as `-value < -limit`, of inputs that are there negated too.
    """
    width = int(model.n_features_in_)
    known = _known_categories(model)
    forests = [
        [_node(rounds[k], 0, width, known) for rounds in model._predictors] for k in range(len(model._predictors[0]))
    ]
    first = [float(value) for value in np.ravel(model._baseline_prediction)]

    def run(values: Values) -> Values:
        values = [*values, *[-value for value in values]]
        scores = []
        for forest, start in zip(forests, first, strict=True):
            total = start
            for node in forest:
                while node.__class__ is tuple:
                    at, limit, then, otherwise = node
                    node = then if values[at] <= limit else otherwise
                total += node
            scores.append(total)
        return scores

    return run


def _known_categories(model: Any) -> dict[int, frozenset[int]]:
    """Codes that training saw, by categorical input."""
    bits, places = model._bin_mapper.make_known_categories_bitsets()
    marked = model._is_categorical_remapped
    return {i: _codes(bits[places[i]]) for i in range(len(places)) if marked is not None and marked[i]}


def _codes(bits: Any) -> frozenset[int]:
    return frozenset(32 * word + bit for word in range(len(bits)) for bit in range(32) if int(bits[word]) >> bit & 1)


def _node(tree: Any, index: int, width: int, known: dict[int, frozenset[int]]) -> Node:
    node = tree.nodes[index]
    if node["is_leaf"]:
        return float(node["value"])
    left, right = (_node(tree, int(node[side]), width, known) for side in ("left", "right"))
    at, missing_left = int(node["feature_idx"]), bool(node["missing_go_to_left"])
    if node["is_categorical"]:
        codes = _codes(tree.raw_left_cat_bitsets[node["bitset_idx"]]) & known[at]
        return (at, Among(known[at] - codes), right, left) if missing_left else (at, Among(codes), left, right)
    limit = float(node["num_threshold"])
    if not missing_left:
        return at, limit, left, right
    if limit == math.inf:
        return left
    return at + width, math.nextafter(-limit, -math.inf), right, left
