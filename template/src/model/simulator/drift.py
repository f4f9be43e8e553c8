"""What may change in the world from a given moment on; rows before it stay as they were."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from model.simulator.world import World, stream

NEW_CATEGORY = "crypto"


def _moment(value: Any) -> datetime:
    """Dates and times as YAML writes them, in UTC without zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError("write a date such as 2026-01-05")
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


Moment = Annotated[datetime, BeforeValidator(_moment)]


class Drift(BaseModel):
    """One change: `{kind: price_inflation, from: "2026-05-04", strength: 0.3}`.

    What `strength` means: for price_inflation the rise (0.3: amounts are 30 % higher); for new_fraud_pattern the
    bursts of card testing a day for each 1,000 customers; for new_category the share of terminals that belong to it;
    for missing_field the share of rows without a category; for traffic_stops the share of rows that never arrive.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    kind: Literal["price_inflation", "new_fraud_pattern", "new_category", "missing_field", "traffic_stops"]
    begin: Moment = Field(alias="from")
    strength: float = Field(gt=0, le=20, allow_inf_nan=False)

    @model_validator(mode="after")
    def _share(self) -> Drift:
        if self.kind in ("new_category", "missing_field", "traffic_stops") and self.strength > 1:
            raise ValueError(f"strength of {self.kind} is a share between 0 and 1")
        return self


def change(frame: pd.DataFrame, world: World, drift: Drift) -> pd.DataFrame:
    """Apply one drift to a table of transactions; what befalls a row depends on its identifier alone."""
    late = (frame["timestamp"] >= pd.Timestamp(drift.begin)).to_numpy()
    if drift.kind == "price_inflation":
        raised = (frame["amount"] * (1 + drift.strength)).round(2)
        return frame.assign(amount=frame["amount"].where(~late, raised))
    if drift.kind == "new_category":
        chosen = stream(world.seed, 0, drift.kind).random(len(world.terminal_category)) < drift.strength
        hit = late & chosen[frame["terminal_id"].to_numpy()]
        return frame.assign(category=frame["category"].mask(hit & frame["category"].notna().to_numpy(), NEW_CATEGORY))
    if drift.kind == "missing_field":
        return frame.assign(category=frame["category"].mask(late & (lots(frame, 1) < drift.strength)))
    if drift.kind == "traffic_stops":
        return frame[~(late & (lots(frame, 2) < drift.strength))]
    return frame


def lots(frame: pd.DataFrame, purpose: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) drawn by each row's identifier."""
    mixed = (frame["transaction_id"].to_numpy(np.uint64) + np.uint64(purpose)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray((mixed ^ (mixed >> np.uint64(29))) >> np.uint64(11), dtype=np.float64) / 2.0**53
