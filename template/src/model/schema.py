"""The contract of the data: what a request, a labelled row and a prediction look like, who owns each column."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

WORD = r"^[a-z][a-z0-9_-]{0,31}$"
HIGHEST_AMOUNT = 100_000.0  # euros; the card scheme's own limit on one transaction


class Inputs(pa.DataFrameModel):
    """One card transaction as it is known at the moment of the decision."""

    transaction_id: int = pa.Field(
        ge=0,
        description="Number of the transaction",
        metadata={"role": "identifier", "owner": "payments"},
    )
    timestamp: pd.Timestamp = pa.Field(
        description="When the card was used, UTC without zone",
        metadata={"role": "time", "owner": "payments"},
    )
    customer_id: int = pa.Field(
        ge=0,
        description="Whose card; transactions of one customer depend on each other",
        metadata={"role": ["cluster", "pii"], "owner": "payments"},
    )
    terminal_id: int = pa.Field(
        ge=0,
        description="Where the card was used",
        metadata={"role": "identifier", "owner": "acquiring"},
    )
    amount: float = pa.Field(
        gt=0,
        le=HIGHEST_AMOUNT,
        description="Euros, two decimals",
        metadata={"role": "feature", "owner": "payments"},
    )
    category: str = pa.Field(
        nullable=True,
        str_matches=WORD,
        description="What the merchant sells; new words are allowed, and watched as drift",
        metadata={"role": "feature", "owner": "acquiring"},
    )

    class Config:
        strict = True
        coerce = True


class Labelled(Inputs):
    """A transaction with what an investigation found, days later."""

    is_fraud: int = pa.Field(
        isin=[0, 1],
        description="1 if the customer did not make the transaction",
        metadata={"role": "target", "owner": "fraud-investigation"},
    )
    label_time: pd.Timestamp = pa.Field(
        description="When that became known",
        metadata={"role": "label_time", "owner": "fraud-investigation"},
    )

    class Config:
        strict = True
        coerce = True


class Predictions(pa.DataFrameModel):
    """What the service answers for each transaction."""

    transaction_id: int = pa.Field(
        ge=0,
        description="Number of the transaction asked about",
        metadata={"role": "identifier", "owner": "payments"},
    )
    score: float = pa.Field(
        ge=0,
        le=1,
        description="Probability of fraud",
        metadata={"role": "prediction", "owner": "fraud-model"},
    )

    class Config:
        strict = True
        coerce = True
