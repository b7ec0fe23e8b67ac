"""The application without a server in front of it: failures inside."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candle_ml_server.app import create_app
from candle_ml_server.models import ServedModel
from candle_ml_server.service import Service
from candle_ml_server.settings import Settings


class BrokenModel:
    """A plugin's model that fails when it predicts."""

    def __init__(self, classes: tuple[str, ...], error: BaseException) -> None:
        self.classes = classes
        self._error = error

    def predict_proba(self, matrix: Any) -> NDArray[np.float64]:
        raise self._error


def answer_of(project: Any, body: Any, tmp_path: Path, error: BaseException) -> Any:
    """What `/predict` answers where the model raises this."""

    async def ask() -> Any:
        app = create_app(project.config, Settings(poll_seconds=1000.0))
        service: Service = app.extensions["candle_ml"]
        loaded = project.loaded(1)
        broken = replace(loaded.predictor, model=BrokenModel(loaded.predictor.classes, error))
        version = project.registry.find(version=1)
        service.holder.current = ServedModel(
            version, replace(loaded, predictor=broken), tmp_path / "none", project.bundles[0]
        )
        client = app.test_client()
        response = await client.post("/predict", data=json.dumps(body), headers={"Content-Type": "application/json"})
        return response.status_code, response.content_type, await response.get_json(force=True)

    return asyncio.run(ask())


def test_a_model_that_fails_is_a_500_that_tells_nothing(project: Any, body: Any, tmp_path: Path) -> None:
    """Whatever a plugin raises, the client gets a problem without the error's text."""
    for error in (RuntimeError("secret of /srv/x.py"), SystemExit("secret"), MemoryError("secret")):
        status, media, problem = answer_of(project, body, tmp_path, error)
        assert (status, media) == (500, "application/problem+json")
        assert problem == {
            "type": "urn:candle-ml:problem:internal",
            "title": "The service has failed",
            "status": 500,
            "detail": "the log of the service says why, beside this request id",
        }


class SlowModel:
    """A model that takes a while for each sample; `computed` counts them."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.computed = 0

    def predict_proba(self, matrix: Any) -> NDArray[np.float64]:
        for _ in matrix.batches(1):
            self.computed += 1
            time.sleep(0.05)
        return np.ones((matrix.shape[0], len(self.classes))) / len(self.classes)


def test_a_prediction_ends_at_its_deadline(project: Any, body: Any, tmp_path: Path) -> None:
    """After its 503 a request takes no more of a thread's time."""

    async def ask() -> tuple[int, str, int]:
        app = create_app(project.config, Settings(poll_seconds=1000.0, request_timeout=0.5))
        service: Service = app.extensions["candle_ml"]
        loaded = project.loaded(1)
        slow = SlowModel(loaded.predictor.classes)
        version = project.registry.find(version=1)
        predictor = replace(loaded.predictor, model=slow)
        bundle = project.bundles[0]
        service.holder.current = ServedModel(version, replace(loaded, predictor=predictor), tmp_path / "none", bundle)
        headers = {"Content-Type": "application/json"}
        response = await app.test_client().post("/predict", data=json.dumps(body), headers=headers)
        await asyncio.sleep(0.5)
        computed = slow.computed
        await asyncio.sleep(0.5)
        assert slow.computed == computed
        return response.status_code, (await response.get_json(force=True))["type"], computed

    status, kind, computed = asyncio.run(ask())
    assert (status, kind) == (503, "urn:candle-ml:problem:deadline")
    assert 0 < computed < len(body["candles"]) - 30
