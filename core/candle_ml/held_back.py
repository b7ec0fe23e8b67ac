"""What is held back from a model while it is fitted, and what is chosen on it: confidences and thresholds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import Annotation
from candle_ml.calibration import Calibrator, fit_calibrator
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import Progress, Truth, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset, SeriesData, effective_reviewed
from candle_ml.evaluation import EvaluationOptions, SeriesCase, ThresholdChoice, choose_thresholds, series_spans
from candle_ml.execution import results
from candle_ml.inference import Predictor
from candle_ml.scores import UNLABELLED, Samples
from candle_ml.split import Block

_Range: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A predictor beside a block of time that it was not fitted on, and what it says of the candidates of each series.

    The candidates are those of the candles that decide about the block; `scans` holds their uncalibrated probabilities.
    """

    predictor: Predictor
    dataset: Dataset
    block: Block
    scans: Mapping[SeriesKey, NDArray[np.float64]]

    def cases(self, calibrator: Calibrator, labels: Collection[str]) -> Iterator[SeriesCase]:
        """What the calibrated predictor says of each series that has candles to be scored."""
        predictor = replace(self.predictor, calibrator=calibrator)
        for key, scan in self.scans.items():
            case = series_case(predictor, labels, self.block, self.dataset.series[key], scan)
            if case is not None:
                yield case


def beside(
    predictor: Predictor, dataset: Dataset, block: Block, config: PipelineConfig, progress: Progress = no_progress
) -> HeldBack:
    """The predictor beside a block, whose candles it scans once where anybody has reviewed some of them."""
    begun = {key: data for key, data in dataset.series.items() if len(until(data.candles, block))}
    reviewed = {key: data for key, data in begun.items() if _is_reviewed(data, predictor.classes, block)}
    scanned = reviewed or begun
    scans = results(config, partial(_scanned, predictor, block), list(scanned.values()), "predicting", progress)
    return HeldBack(predictor, dataset, block, dict(zip(scanned, scans, strict=True)))


def _is_reviewed(data: SeriesData, labels: Collection[str], block: Block) -> bool:
    return any(
        item.start_time < block.end and item.end_time >= block.start for item in effective_reviewed(data, labels)
    )


def _scanned(predictor: Predictor, block: Block, data: SeriesData) -> NDArray[np.float64]:
    _, probabilities = predictor.scan(deciding(predictor, data.candles, block))
    return probabilities


def since(dataset: Dataset, block: Block, history: int) -> Dataset:
    """The candles from `history` before the block on; enough to predict it."""
    series = {}
    for key, data in dataset.series.items():
        first = int(np.searchsorted(data.candles.time, block.start)) - history
        series[key] = replace(data, candles=data.candles[max(0, first) :])
    return replace(dataset, series=series)


def chosen_thresholds(held_back: Sequence[HeldBack], calibrator: Calibrator, config: PipelineConfig) -> ThresholdChoice:
    """The threshold of each label: the configured one, else the one with the best span F1 on what was held back."""
    given, labels = given_thresholds(config), calibrator.classes
    spans = [series_spans(case) for one in held_back for case in one.cases(calibrator, labels)]
    options = EvaluationOptions(iou=config.evaluation.iou, point_tolerance=config.evaluation.tolerance)
    open_labels = [name for name in labels if name not in given]
    iou, tolerance, shared = options.headline_iou, options.point_tolerance, config.calibration.shared
    chosen = choose_thresholds(spans, open_labels, iou, tolerance, shared=shared)
    return ThresholdChoice({**chosen.thresholds, **given}, chosen.notes)


def given_thresholds(config: PipelineConfig) -> dict[str, float]:
    """The thresholds that the configuration sets, whether anything is calibrated or not."""
    given = config.calibration.thresholds
    return {} if isinstance(given, str) else dict(given)


def fitted_calibrator(held_back: Sequence[HeldBack], config: PipelineConfig) -> Calibrator:
    """Calibrate on the exhaustive scan of the reviewed candles that were held back."""
    classes = held_back[0].predictor.classes
    parts = [part for one in held_back for part in _judged(one)]
    probabilities, codes = (np.concatenate(each) for each in zip(*parts, strict=True))
    return fit_calibrator(config.calibration.method, probabilities, codes, classes)


def _judged(one: HeldBack) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int32]]]:
    """The predictor's own probabilities of the block's reviewed windows, and their true codes, by series."""
    classes = one.predictor.classes
    for key, raw in one.scans.items():
        data = one.dataset.series[key]
        candles = deciding(one.predictor, data.candles, one.block)
        samples = one.predictor.candidates(candles)
        rows = one.block.contains(samples, {key: candles}) & _reviewed(samples, replace(data, candles=candles), classes)
        labelled = one.predictor.recipe.encoder.label(samples.take(rows), candles, data.annotations)
        yield raw[rows].reshape(-1, len(classes)), coded(labelled, classes).reshape(-1)


def series_case(
    predictor: Predictor,
    labels: Collection[str],
    block: Block | None,
    data: SeriesData,
    scanned: NDArray[np.float64] | None = None,
) -> SeriesCase | None:
    """What the predictor says of one series, or of what it has scanned, with the truth; None where nothing is scored.

    Of a block only the candles that decide about it are predicted.
    """
    candles = data.candles if block is None else deciding(predictor, data.candles, block)
    first = 0 if block is None else int(np.searchsorted(candles.time, block.start)) + block.embargo
    if first >= len(candles):
        return None
    truth = predictor.recipe.encoder.truth(data.candles, data.annotations)
    ranges = _ranges(data, truth, labels, int(candles.time[first]), int(candles.time[-1]))
    if not ranges:
        return None
    if scanned is None:
        prediction = predictor.predict(candles)
    else:
        prediction = predictor.decoded(candles, predictor.candidates(candles), scanned)
    return SeriesCase(candles, prediction, truth.believed, ranges)


def _ranges(data: SeriesData, truth: Truth, labels: Collection[str], first: int, last: int) -> tuple[_Range, ...]:
    """The reviewed ranges cut to `[first, last]` (Unix seconds), without what only doubtful annotations lie on."""
    doubtful = _without(map(_extent, truth.doubtful), map(_extent, truth.believed))
    ranges = ((max(item.start_time, first), min(item.end_time, last)) for item in effective_reviewed(data, labels))
    return tuple(_without((each for each in ranges if each[0] <= each[1]), doubtful))


def _extent(item: Annotation) -> _Range:
    return item.start_time, item.end_time


def _without(ranges: Iterable[_Range], holes: Iterable[_Range]) -> list[_Range]:
    """What is left of the ranges once the holes are taken out."""
    left = list(ranges)
    for first, last in holes:
        parts = [part for start, end in left for part in ((start, min(end, first - 1)), (max(start, last + 1), end))]
        left = [(start, end) for start, end in parts if start <= end]
    return left


def coded(samples: Samples, classes: tuple[str, ...]) -> NDArray[np.int32]:
    """The samples' codes as indices into `classes`; unlabelled where the model does not know the label."""
    position = {name: number for number, name in enumerate(classes)}
    table = np.array([*(position.get(name, UNLABELLED) for name in samples.classes), UNLABELLED], dtype=np.int32)
    return table[samples.codes]


def _reviewed(samples: Samples, data: SeriesData, labels: tuple[str, ...]) -> NDArray[np.bool_]:
    """The windows that lie inside one reviewed range."""
    inside = np.zeros(len(samples), dtype=bool)
    for item in effective_reviewed(data, labels):
        first, last = data.candles.index_range(item.start_time, item.end_time)
        inside |= (samples.first >= first) & (samples.last <= last)
    return inside


def deciding(predictor: Predictor, candles: Candles, block: Block) -> Candles:
    """The candles that decide about those of a block, none of them after it.

    Before the block they are twice as many as must stand before a candle that is predicted: once for that, and again
    for the spans that begin before the block and compete with those in it.
    """
    closed = until(candles, block)
    first = int(np.searchsorted(closed.time, block.start)) - 2 * predictor.required_history
    return closed[max(0, first) :]


def until(candles: Candles, block: Block) -> Candles:
    """The candles that have closed by the end of the block."""
    return candles[: int(np.searchsorted(candles.time + candles.key.seconds, block.end, side="right"))]
