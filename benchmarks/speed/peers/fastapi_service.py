"""The service of an afternoon: FastAPI, a body checked by Pydantic, pandas, TA-Lib and `predict_proba`."""

from __future__ import annotations

import pandas as pd
from benchmarks.speed.peers.patterns import load_model, predicted
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model, classes = load_model()


class Candle(BaseModel):
    """One candle of a request."""

    time: int
    open: float
    high: float
    low: float
    close: float


class PredictRequest(BaseModel):
    """Candles, oldest first."""

    pair: str
    timeframe: str
    candles: list[Candle]
    threshold: float = 0.5


class PredictedCandle(BaseModel):
    """What is said of one candle."""

    time: int
    label: str
    confidence: float


class PredictResponse(BaseModel):
    """The candles that have enough others before them."""

    candles: list[PredictedCandle]


@app.post("/predict")
def predict(request: PredictRequest) -> PredictResponse:
    """Runs in FastAPI's pool of threads, so that the service goes on listening."""
    frame = pd.DataFrame([candle.model_dump() for candle in request.candles])
    rows = predicted(model, classes, frame, request.threshold).to_dict("records")
    return PredictResponse(candles=[PredictedCandle(**row) for row in rows])
