"""The stretches that could be annotated next: what a model finds, at any probability, where nobody has looked yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from candle_ml.candles import SeriesKey
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset, SeriesData, effective_reviewed
from candle_ml.execution import results
from candle_ml.inference import Predictor
from candle_ml.inference.shapes import Shapes, shapes
from candle_ml.predictions import PredictedSpan


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """`n` stretches, what the model takes each for, and their shapes, `float32` `(n, WIDTH)`.

    `uncertainty` (`float64`) is 1 where the probability is the label's threshold, falling to 0 at 0 and at 1.
    """

    series: tuple[SeriesKey, ...]
    spans: tuple[PredictedSpan, ...]
    uncertainty: NDArray[np.float64]
    shapes: Shapes

    def __len__(self) -> int:
        return len(self.spans)


def stretches(predictor: Predictor, dataset: Dataset, config: PipelineConfig, progress: Progress = no_progress) -> Pool:
    """Every span that the model finds on candles of which none is annotated or reviewed.

    A range that was only assumed to be reviewed does not count: nobody has said so.
    """
    found = results(config, partial(_of_series, predictor), list(dataset.series.values()), "suggestions", progress)
    spans = tuple(span for of_series, _ in found for span in of_series)
    return Pool(
        series=tuple(key for key, (of_series, _) in zip(dataset.series, found, strict=True) for _ in of_series),
        spans=spans,
        uncertainty=_uncertainty(spans, predictor.params.thresholds),
        shapes=np.concatenate([rows for _, rows in found]),
    )


def _of_series(predictor: Predictor, data: SeriesData) -> tuple[tuple[PredictedSpan, ...], Shapes]:
    candles = data.candles
    taken = np.append(0, np.cumsum(_taken(data, predictor.classes)))
    spans = predictor.predict(candles).spans
    ends = np.array([candles.index_range(span.start_time, span.end_time) for span in spans], dtype=np.int64)
    first, last = ends.reshape(-1, 2).T
    free = np.flatnonzero(taken[last + 1] == taken[first])
    return tuple(spans[row] for row in free.tolist()), shapes(candles, first[free], last[free])


def _taken(data: SeriesData, labels: tuple[str, ...]) -> NDArray[np.bool_]:
    """The candles that are annotated, or that somebody is known to have looked at for every label."""
    looked = replace(data, reviewed=tuple(item for item in data.reviewed if item.origin != "assumed"))
    taken = np.zeros(len(data.candles), dtype=bool)
    annotated = [(item.start_time, item.end_time) for item in data.annotations]
    reviewed = [(item.start_time, item.end_time) for item in effective_reviewed(looked, labels)]
    for start, end in (*annotated, *reviewed):
        first, last = data.candles.index_range(start, end)
        taken[first : last + 1] = True
    return taken


def _uncertainty(spans: tuple[PredictedSpan, ...], thresholds: dict[str, float]) -> NDArray[np.float64]:
    confidence = np.array([span.confidence for span in spans])
    threshold = np.array([thresholds[span.label] for span in spans])
    below = confidence < threshold
    room = np.where(below, threshold, 1 - threshold)
    away = np.zeros(len(spans))
    np.divide(np.abs(confidence - threshold), room, out=away, where=room > 0)
    return 1 - away
