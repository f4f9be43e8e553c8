"""What a person writes in an afternoon: FastAPI, typed rows, the pipeline on a frame. MODEL names the pickled pipeline.

uvicorn hand_written:app --workers 1 --no-access-log
"""

import os
import pickle
from pathlib import Path

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

PIPELINE = pickle.loads(Path(os.environ["MODEL"]).read_bytes())
NUMBERS, CATEGORIES = [f"number_{i}" for i in range(12)], [f"category_{j}" for j in range(3)]
Row = create_model(
    "Row",
    __config__=ConfigDict(extra="forbid"),
    **dict.fromkeys(NUMBERS, (float | None, Field(allow_inf_nan=False))),
    **dict.fromkeys(CATEGORIES, (str | None, ...)),
)


class Request(BaseModel):
    rows: list[Row] = Field(min_length=1, max_length=1_000)


app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> dict[str, list[float]]:
    frame = pd.DataFrame([row.model_dump() for row in request.rows]).astype(dict.fromkeys(NUMBERS, "float64"))
    return {"scores": PIPELINE.predict_proba(frame)[:, 1].tolist()}
