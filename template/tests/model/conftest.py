"""A small world and a model trained on it, once for all tests of behaviour."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pandas as pd
import pytest
import threadpoolctl

from mlgate.gates.scoring import score
from mlgate.params import Params, parse
from mlgate.table.split import Split, split
from model.data import load
from model.features import features
from model.model import build


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline with the rows that it was trained on and held out from."""

    pipeline: Any
    frame: pd.DataFrame
    split: Split

    def score(self, rows: pd.DataFrame, history: pd.DataFrame | None = None) -> npt.NDArray[Any]:
        return score(self.pipeline, features(rows, history), "binary")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small models are fitted faster by one thread than by several that wait for each other on a busy machine."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def small(settings: dict[str, Any]) -> Params:
    """The same parameters on a world that is generated and learnt in about two seconds."""
    content = copy.deepcopy(settings)
    content["data"]["source"] |= {"customers": 1200, "terminals": 400, "start": "2026-01-05", "until": "2026-04-13"}
    content["model"] |= {"max_iter": 60}
    return parse(content)


@pytest.fixture(scope="session")
def trained(small: Params) -> Trained:
    frame = load(small)
    cut = split(frame, small)
    pipeline = build(small).fit(features(frame, None)[cut.train], frame[small.data.target].to_numpy()[cut.train])
    return Trained(pipeline, frame, cut)
