"""Where the raw data come from: here a seeded simulator of card payments; put your own source in its place."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlgate.errors import ConfigError
from mlgate.params import Params
from model.simulator.drift import Drift, Moment
from model.simulator.table import transactions
from model.simulator.world import World, create

LONGEST = timedelta(days=3660)


class Source(BaseModel):
    """`data.source` in params.yaml: the size of the world, what part of its time to take, and what changes in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(ge=0, lt=2**32)
    customers: int = Field(ge=50, le=1_000_000)
    terminals: int = Field(ge=20, le=1_000_000)
    start: Moment
    until: Moment
    drift: tuple[Drift, ...] = ()

    @model_validator(mode="after")
    def _forward(self) -> Source:
        if self.until <= self.start:
            raise ValueError("until must be later than start")
        if self.until - self.start > LONGEST:
            raise ValueError(f"from start to until are more than {LONGEST.days:,} days")
        return self

    def world(self) -> World:
        return create(self.seed, self.customers, self.terminals)


def load(params: Params, until: datetime | None = None) -> pd.DataFrame:
    """Labelled transactions from `start` up to `until`, as exported once their last label had arrived.

    Parameters
    ----------
    params
        `params.data.source` holds the settings of Source.
    until
        End of the snapshot, UTC; by default `source.until`. A later one adds rows and changes none.

    Returns
    -------
    DataFrame
        The columns of `model.schema.Labelled`, in order of time.

    Raises
    ------
    ConfigError
        If a setting is unknown, missing or makes no sense; names its key.
    """
    settings = dict(params.data.source)
    if until is not None:
        settings["until"] = until
    source = _source(settings)
    return transactions(source.world(), source.start, source.until, source.drift)


def traffic(params: Params, start: datetime, end: datetime, drift: list[dict[str, Any]]) -> pd.DataFrame:
    """Transactions of the same world with start <= timestamp < end, for `mlgate replay`.

    Parameters
    ----------
    drift
        Changes on top of those in `data.source.drift`, written the same way; one that is there already counts once.

    Returns
    -------
    DataFrame
        As from `load`, label columns included: a caller joins them when their label_time has come.

    Raises
    ------
    ConfigError
        If a setting or a drift makes no sense; names its key.
    """
    already = _source(dict(params.data.source))
    asked = _source({**params.data.source, "start": start, "until": end, "drift": drift})
    changes = already.drift + tuple(one for one in asked.drift if one not in already.drift)
    return transactions(already.world(), asked.start, asked.until, changes)


def _source(settings: dict[str, Any]) -> Source:
    try:
        return Source.model_validate(settings)
    except ValidationError as error:
        problems = [f"{'.'.join(('data', 'source', *map(str, e['loc'])))}: {e['msg']}" for e in error.errors()]
        raise ConfigError(
            "; ".join(problems), "fix data.source in params.yaml; src/model/data.py explains it"
        ) from error
