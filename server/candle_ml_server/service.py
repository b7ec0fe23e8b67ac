"""The parts of one running service, as routes are given them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel
from quart import Response

from candle_ml_server.holder import ModelHolder
from candle_ml_server.metrics import Metrics
from candle_ml_server.patterns import Patterns
from candle_ml_server.predicting import Predictions
from candle_ml_server.settings import Settings
from candle_ml_server.state import LoadRecords
from candle_ml_server.workers import WorkerPool

Result = TypeVar("Result")
BULK_BYTES = 512 << 10
"""Bodies above this size count as bulk work."""
BULK_CANDLES = 5_000
"""Stored candles above this number count as bulk work."""


@dataclass(slots=True, kw_only=True)
class Service:
    """Everything that routes use: threads that predict, threads that read stored candles, and what both need.

    `draining` is set once, when the service has been told to stop.
    """

    settings: Settings
    holder: ModelHolder
    pool: WorkerPool
    reading: WorkerPool
    predictions: Predictions
    patterns: Patterns
    metrics: Metrics
    loads: LoadRecords
    draining: bool = field(default=False)

    def deadline(self) -> float:
        """The monotonic time by which a request that begins now must be answered."""
        return time.monotonic() + self.settings.request_timeout

    async def compute(self, work: Callable[[], Result], deadline: float, bulk: bool = False) -> Result:
        """Run the work of one request in a prediction thread. Raises `ProblemError` where it is full or late."""
        with self.pool.admission(bulk):
            return await self.pool.run(work, deadline, bulk)


def json_response(body: bytes) -> Response:
    """A successful answer from JSON bytes."""
    return Response(body, 200, content_type="application/json")


def model_response(content: BaseModel) -> Response:
    """A successful answer from a schema."""
    return json_response(content.model_dump_json().encode())
