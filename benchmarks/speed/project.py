"""A user's project: made candles with marks of five patterns, and the models that candle-ml trains and registers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from benchmarks.detection.market import bricks, candles
from benchmarks.detection.ours import write_project
from benchmarks.detection.rules import SINGLE, spans
from benchmarks.detection.tracks import annotated
from numpy.typing import NDArray

from candle_ml.candles import Candles, SeriesKey
from candle_ml.config import PipelineConfig, load_config
from candle_ml.inference import LoadedModel, load_model
from candle_ml.pipeline import run

ModelName = Literal["xgboost", "random-forest"]
PIPELINE = Path(__file__).with_name("pipeline.yaml")
THRESHOLD = 0.5
REQUEST_CANDLES = 500
_CANDLES, _UNSEEN, _SEED = 16_000, 2000, 30_101


@dataclass(frozen=True)
class Project:
    """A folder with a registered model; `candles` are those that it has not seen."""

    root: Path
    model: ModelName
    candles: Candles

    overrides: tuple[str, ...]

    @cached_property
    def config(self) -> PipelineConfig:
        """Its configuration."""
        return load_config(self.root / "config" / "pipeline.yaml", self.overrides)

    @cached_property
    def bundle(self) -> Path:
        """The bundle of its one run."""
        (bundle,) = self.root.glob(".candle-ml/runs/*/bundle")
        return bundle

    @cached_property
    def loaded(self) -> LoadedModel:
        """The model, as the service loads it."""
        return load_model(self.bundle)

    def asked(self) -> Candles:
        """The candles of a request."""
        return self.candles[-REQUEST_CANDLES:]


_SIZE: dict[ModelName, str] = {"xgboost": "model.rounds", "random-forest": "model.trees"}
_QUICK_TREES = 10


def trained(folder: Path, model: ModelName, quick: bool) -> Project:
    """Make the project and train as candle-ml does without being told more; `quick` gives a tiny model."""
    made = candles(bricks(_CANDLES, np.random.default_rng(_SEED)))
    chart = annotated(made, spans(made, SINGLE), tuple(SINGLE), _CANDLES - _UNSEEN, 10 if quick else 40)
    root = folder / model
    root.mkdir()
    write_project(root, chart, PIPELINE)
    tiny = (f"{_SIZE[model]}={_QUICK_TREES}",) if quick else ()
    project = Project(root, model, made[_CANDLES - _UNSEEN :], (f"model.use={model}", *tiny))
    run(project.config)
    return project


def request_body(candles: Candles) -> bytes:
    """What a chart sends: rows of candles, and the threshold that is shown."""
    rows = [
        {"time": time, "open": first, "high": high, "low": low, "close": last}
        for time, first, high, low, last in zip(*_columns(candles), strict=True)
    ]
    key = candles.key
    return json.dumps({"pair": key.pair, "timeframe": key.timeframe, "candles": rows, "threshold": THRESHOLD}).encode()


def frame_body(candles: Candles) -> bytes:
    """The same for a server that takes data frames."""
    data = list(zip(*_columns(candles), strict=True))
    split = {"columns": ["time", "open", "high", "low", "close"], "data": data}
    return json.dumps({"dataframe_split": split}).encode()


def _columns(candles: Candles) -> list[list[float]]:
    prices = (candles.open, candles.high, candles.low, candles.close)
    return [candles.time.tolist(), *(price.tolist() for price in prices)]


def long_series(count: int) -> Candles:
    """So many made candles: a random walk with fat tails, which begins again, with a jump, after each 16,000 candles.

    The features of the repeated candles are those of the first ones, so that a model sees nothing new in them.
    """
    made: Candles = candles(bricks(min(count, _CANDLES), np.random.default_rng(_SEED)))
    return made if count <= len(made) else _repeated(made, count)


def _repeated(made: Candles, count: int) -> Candles:
    time: NDArray[np.int64] = made.time[0] + np.arange(count, dtype=np.int64) * made.key.seconds
    prices = (np.resize(price, count) for price in (made.open, made.high, made.low, made.close))
    return Candles(SeriesKey(made.key.pair, made.key.timeframe), time, *prices)
