"""The same as a BentoML service."""

from __future__ import annotations

import bentoml
import pandas as pd
from benchmarks.speed.peers.patterns import load_model, predicted
from pydantic import BaseModel


class Candle(BaseModel):
    """One candle of a request."""

    time: int
    open: float
    high: float
    low: float
    close: float


class PredictedCandle(BaseModel):
    """What is said of one candle."""

    time: int
    label: str
    confidence: float


@bentoml.service(workers=1)
class PatternService:
    """One worker with the model in it."""

    def __init__(self) -> None:
        self.model, self.classes = load_model()

    @bentoml.api
    def predict(
        self, pair: str, timeframe: str, candles: list[Candle], threshold: float = 0.5
    ) -> list[PredictedCandle]:
        """The candles that have enough others before them."""
        frame = pd.DataFrame([candle.model_dump() for candle in candles])
        rows = predicted(self.model, self.classes, frame, threshold).to_dict("records")
        return [PredictedCandle(**row) for row in rows]
