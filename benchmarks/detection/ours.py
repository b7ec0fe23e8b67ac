"""candle-ml on a chart, as its user would run it: files in a project folder, its own split, thresholds and decoder."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from benchmarks.detection.charts import Chart
from benchmarks.detection.scoring import Detection

from candle_ml.candles import Candles
from candle_ml.config import PipelineConfig, load_config
from candle_ml.evaluation import Span
from candle_ml.inference import Predictor
from candle_ml.pipeline import run
from candle_ml.predictions import PredictedSpan

DEFAULT_CONFIG = Path(__file__).parents[2] / "config" / "pipeline.yaml"
_QUIET = (
    "tracking.enabled=false",
    "registry.enabled=false",
    "audit.enabled=false",
    "evaluation.enabled=false",
    "suggest.enabled=false",
    "split.leakage_gap=false",
)


def detect(chart: Chart, config: Path = DEFAULT_CONFIG, overrides: Sequence[str] = ()) -> Detection:
    """Train on the annotated part alone, then predict the whole chart; `overrides` are those of `--set`."""
    with TemporaryDirectory() as folder:
        write_project(Path(folder), chart, config)
        written = Path(folder) / "config" / "pipeline.yaml"
        chosen = (*_QUIET, *overrides)
        predictor = trained(load_config(written, (*chosen, *_without(chart.hidden, load_config(written, chosen)))))
    prediction = predictor.predict(chart.candles)
    spans = tuple(_span(found, chart.candles) for found in prediction.spans)
    return Detection(spans, predictor.params.thresholds)


def _without(functions: Sequence[str], config: PipelineConfig) -> Iterator[str]:
    """Overrides that leave the columns of these TA-Lib functions out of the features."""
    for number, choice in enumerate(yaml.safe_load(config.source_text)["features"]["use"]):
        if functions and choice["use"] == "talib-cdl":
            yield f"features.use.{number}.exclude=[{', '.join(functions)}]"


def trained(config: PipelineConfig) -> Predictor:
    """The predictor that a run of the pipeline has made."""
    result = run(config, until="train")
    assert result.trained is not None
    return result.trained.predictor


def write_project(folder: Path, chart: Chart, config: Path) -> None:
    """Candles up to the border, annotations and the reviewed range, and the configuration."""
    known = chart.candles[: chart.border]
    for name in ("config", "data/candles", "data/annotations"):
        (folder / name).mkdir(parents=True)
    (folder / "config" / "pipeline.yaml").write_text(config.read_text("utf-8"), "utf-8")
    stem = f"{known.key.pair}_{known.key.timeframe}"
    _write_candles(folder / "data" / "candles" / f"{stem}.csv", known)
    document = {
        "annotations": [
            {"id": number, "label": span.label, **_times(known, span.first, span.last)}
            for number, span in enumerate(chart.annotations, 1)
        ],
        "reviewed_ranges": [_times(known, *chart.reviewed)],
    }
    (folder / "data" / "annotations" / f"{stem}.json").write_text(json.dumps(document), "utf-8")


def _write_candles(file: Path, candles: Candles) -> None:
    names = ["time", "open", "high", "low", "close"] + ["volume"] * (candles.volume is not None)
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(names)
        writer.writerows(zip(*(getattr(candles, name).tolist() for name in names), strict=True))


def _times(candles: Candles, first: int, last: int) -> dict[str, int]:
    return {"start_time": int(candles.time[first]), "end_time": int(candles.time[last])}


def _span(found: PredictedSpan, candles: Candles) -> Span:
    times = (found.start_time, found.end_time, found.known_at)
    first, last, known = np.searchsorted(candles.time, times).tolist()
    return Span(found.label, first, last, found.confidence, known)
