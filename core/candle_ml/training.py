"""From a data set to a fitted predictor: samples, split, fit, calibration and thresholds, in this order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation
from candle_ml.calibration import Calibrator, fit_calibrator
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import FitContext, Model, Progress, Truth, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset, SeriesData, effective_reviewed
from candle_ml.errors import ConfigError, TrainingError
from candle_ml.evaluation import (
    DEFAULT_THRESHOLD,
    Evaluation,
    EvaluationOptions,
    SeriesCase,
    ThresholdChoice,
    choose_thresholds,
    evaluate,
    series_spans,
)
from candle_ml.execution import cluster, one_thread, results, undivided
from candle_ml.inference import Predictor, Recipe, build_recipe
from candle_ml.samples import SeriesFeatures, concatenate, with_history
from candle_ml.scores import UNLABELLED, DecodeParams, Samples
from candle_ml.series_work import features_and_samples
from candle_ml.split import Block, Fold, Split, cross_folds, everything_in_train, split

_Range: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that stands before a model is fitted; `samples` are those that `split` has divided."""

    dataset: Dataset
    recipe: Recipe
    features: Mapping[SeriesKey, SeriesFeatures]
    samples: Samples
    split: Split
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class _HeldBack:
    """A predictor beside a block of time that it was not fitted on."""

    predictor: Predictor
    dataset: Dataset
    block: Block

    def calibrated(self, calibrator: Calibrator) -> _HeldBack:
        return replace(self, predictor=replace(self.predictor, calibrator=calibrator))


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted predictor, and what was noticed on the way."""

    predictor: Predictor
    prepared: Prepared
    notes: tuple[str, ...]


def prepare(dataset: Dataset, config: PipelineConfig, progress: Progress = no_progress) -> Prepared:
    """Features, samples and blocks. Raises `TrainingError` where they do not suffice for training."""
    recipe = build_recipe(config)
    features, encoded = features_and_samples(dataset, recipe, config, progress)
    samples = with_history(encoded.samples, recipe.plan)
    too_early = len(encoded.samples) - len(samples)
    left_out = encoded.left_out | ({"too little history": too_early} if too_early else {})
    return Prepared(dataset, recipe, features, samples, split_samples(samples, dataset, config), left_out)


def fit(prepared: Prepared, config: PipelineConfig, progress: Progress = no_progress) -> Trained:
    """Fit, calibrate and choose thresholds; the test block is not looked at."""
    model = fit_model(prepared, prepared.split, config, progress)
    predictor = _uncalibrated(prepared, model, config)
    _check_threshold_labels(config, predictor.classes)
    held_back, notes = _held_back(predictor, prepared, config, progress) if config.calibration.enabled else ([], ())
    if not held_back:
        why = "calibration is disabled" if prepared.split.block("calibration") else "no calibration block"
        return Trained(predictor, prepared, (*notes, f"{why}: confidences are the model's own"))
    calibrator = _calibrator(held_back, config)
    chosen = _thresholds([one.calibrated(calibrator) for one in held_back], prepared, config, progress)
    params = replace(predictor.params, thresholds=chosen.thresholds)
    predictor = replace(predictor, calibrator=calibrator, params=params)
    return Trained(predictor, prepared, (*notes, *calibrator.notes, *chosen.notes))


def fit_model(prepared: Prepared, parts: Split, config: PipelineConfig, progress: Progress = no_progress) -> Model:
    """Fit the configured trainer on the train part, watching the validation part where there is one.

    The model is the same bits however many cores there are.
    """
    chosen = config.model.chosen
    trainer = config.manager.build("model-trainer", chosen.name, chosen.options)
    if not len(parts.train):
        raise TrainingError.at("training", "no sample at all", "annotate candles with enough history before them")
    to_cluster = partial(cluster, config) if config.execution.engine == "dask" else None
    context = FitContext(parts.train.classes, config.seed, config.execution.workers, progress, to_cluster)
    matrix = prepared.recipe.matrix
    validation = matrix(prepared.features, parts.validation) if len(parts.validation) else None
    with one_thread():
        return trainer.fit(matrix(prepared.features, parts.train), validation, context)


def refitted(trained: Trained, config: PipelineConfig, progress: Progress) -> Trained:
    """The same configuration fitted on every block but validation, which early stopping still watches."""
    parts = trained.prepared.split
    everything = replace(parts, train=concatenate([parts.train, parts.calibration, parts.test]))
    model = fit_model(trained.prepared, everything, config, progress)
    note = "refit: the served model was fitted on every block but validation; its scores are those of the model before"
    return replace(trained, predictor=replace(trained.predictor, model=model), notes=(*trained.notes, note))


def cases(
    dataset: Dataset,
    predictor: Predictor,
    labels: Collection[str],
    config: PipelineConfig,
    block: Block | None = None,
    progress: Progress = no_progress,
) -> list[SeriesCase]:
    """What the predictor says of each series, with the truth of its candles where every one of `labels` was looked for.

    With a block only its candles, after its embargo, are scored; candles after the block are withheld, so that nothing
    in it is decided by them. A series without such candles has no case.
    """
    case = partial(_case, predictor, labels, block)
    found = results(config, case, list(dataset.series.values()), "predicting", progress)
    return [one for one in found if one is not None]


def _case(predictor: Predictor, labels: Collection[str], block: Block | None, data: SeriesData) -> SeriesCase | None:
    candles = data.candles if block is None else _until(data.candles, block)
    first = 0 if block is None else int(np.searchsorted(candles.time, block.start)) + block.embargo
    if first >= len(candles):
        return None
    truth = predictor.recipe.encoder.truth(data.candles, data.annotations)
    ranges = _ranges(data, truth, labels, int(candles.time[first]), int(candles.time[-1]))
    return SeriesCase(candles, predictor.predict(candles), truth.believed, ranges) if ranges else None


def evaluated(
    prepared: Prepared, predictor: Predictor, found: Sequence[SeriesCase], config: PipelineConfig
) -> Evaluation:
    """The scores of these cases, beside the baselines of the samples that were trained on."""
    options = EvaluationOptions(iou=config.evaluation.iou, point_tolerance=config.evaluation.tolerance)
    thresholds, priors = predictor.params.thresholds, _priors(prepared.split)
    return evaluate(found, predictor.classes, thresholds, options, priors, config.seed)


def _priors(split: Split) -> dict[str, float]:
    """The share of each class among the training samples."""
    codes = split.train.codes
    labelled = codes[codes >= 0]
    return {name: float((labelled == code).mean()) for code, name in enumerate(split.train.classes)}


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


def split_samples(
    samples: Samples,
    dataset: Dataset,
    config: PipelineConfig,
    method: Literal["temporal", "walk_forward", "random"] | None = None,
) -> Split:
    """The configured blocks, or those of another method. Raises `TrainingError` as `split` does."""
    candles = {key: data.candles for key, data in dataset.series.items()}
    stage = config.split
    if not stage.enabled:
        return everything_in_train(samples, candles)
    return split(
        samples,
        candles,
        method=method or stage.method,
        train=stage.train,
        validation=stage.validation,
        calibration=stage.calibration,
        test=stage.test,
        embargo=stage.embargo,
        seed=config.seed,
    )


def _held_back(
    predictor: Predictor, prepared: Prepared, config: PipelineConfig, progress: Progress
) -> tuple[list[_HeldBack], tuple[str, ...]]:
    """What confidences and thresholds are chosen on: the calibration block, or each fold of the train block in turn."""
    block = prepared.split.block("calibration")
    if block is not None:
        return [_HeldBack(predictor, prepared.dataset, block)], ()
    of_fold = partial(_held_back_by, prepared, undivided(config))
    found = results(config, of_fold, _folds(prepared, config), "calibration folds", progress)
    left_out = [(number, one) for number, one in enumerate(found, 1) if isinstance(one, str)]
    notes = tuple(f"calibration fold {number} is left out: {why}" for number, why in left_out)
    return [one for one in found if isinstance(one, _HeldBack)], notes


def _held_back_by(prepared: Prepared, config: PipelineConfig, fold: Fold) -> _HeldBack | str:
    """A fold of the train block beside a predictor that was fitted on the others; why, where none can be."""
    inner = replace(prepared, split=replace(prepared.split, train=fold.train))
    try:
        predictor = _uncalibrated(inner, fit_model(inner, inner.split, config), config)
    except TrainingError as error:
        return str(error.problems[0])
    near = _since(prepared.dataset, fold.test_block, predictor.required_history)
    return _HeldBack(predictor, near, fold.test_block)


def _folds(prepared: Prepared, config: PipelineConfig) -> tuple[Fold, ...]:
    folds, block = config.calibration.folds, prepared.split.block("train")
    if not folds or block is None:
        return ()
    candles = {key: data.candles for key, data in prepared.dataset.series.items()}
    return cross_folds(prepared.split.train, candles, block, folds=folds, embargo=config.split.embargo)


def _since(dataset: Dataset, block: Block, history: int) -> Dataset:
    """The candles from `history` before the block on; enough to predict it."""
    series = {}
    for key, data in dataset.series.items():
        first = int(np.searchsorted(data.candles.time, block.start)) - history
        series[key] = replace(data, candles=data.candles[max(0, first) :])
    return replace(dataset, series=series)


def _thresholds(
    held_back: Sequence[_HeldBack], prepared: Prepared, config: PipelineConfig, progress: Progress
) -> ThresholdChoice:
    """The threshold of each label: the configured one, else the one with the best span F1 on what was held back."""
    given, labels = _given_thresholds(config), prepared.split.train.classes
    found = [
        case for one in held_back for case in cases(one.dataset, one.predictor, labels, config, one.block, progress)
    ]
    spans = [series_spans(case) for case in found]
    options = EvaluationOptions(iou=config.evaluation.iou, point_tolerance=config.evaluation.tolerance)
    open_labels = [name for name in labels if name not in given]
    iou, tolerance, shared = options.headline_iou, options.point_tolerance, config.calibration.shared
    chosen = choose_thresholds(spans, open_labels, iou, tolerance, shared=shared)
    return ThresholdChoice({**chosen.thresholds, **given}, chosen.notes)


def _given_thresholds(config: PipelineConfig) -> dict[str, float]:
    """The thresholds that the configuration sets, whether anything is calibrated or not."""
    given = config.calibration.thresholds
    return {} if isinstance(given, str) else dict(given)


def _check_threshold_labels(config: PipelineConfig, classes: tuple[str, ...]) -> None:
    unknown = [name for name in _given_thresholds(config) if name not in classes[1:]]
    if unknown:
        found = f"no training sample is labelled {', '.join(map(repr, unknown))}"
        raise ConfigError.at(config.where("calibration.thresholds"), found, f"labels of {', '.join(classes[1:])}")


def _uncalibrated(prepared: Prepared, model: Model, config: PipelineConfig) -> Predictor:
    return Predictor(prepared.recipe, model, Calibrator.none(model.classes), _params(prepared, model, config))


def _params(prepared: Prepared, model: Model, config: PipelineConfig) -> DecodeParams:
    """Thresholds that are given, or the default until one is chosen, and the median length of each label's spans."""
    samples = prepared.split.train
    lengths = {}
    for code, label in enumerate(samples.classes):
        spans = samples.span_length[(samples.span_length > 0) & (_row_codes(samples) == code)]
        if label != NO_PATTERN:
            lengths[label] = int(np.median(spans)) if len(spans) else prepared.recipe.encoder.width
    return DecodeParams(dict.fromkeys(lengths, DEFAULT_THRESHOLD) | _given_thresholds(config), lengths)


def _calibrator(held_back: Sequence[_HeldBack], config: PipelineConfig) -> Calibrator:
    """Calibrate on the exhaustive scan of the reviewed candles that were held back."""
    classes = held_back[0].predictor.classes
    scans = [scan for one in held_back for scan in _scanned(one)]
    probabilities, codes = (np.concatenate(parts) for parts in zip(*scans, strict=True))
    return fit_calibrator(config.calibration.method, probabilities, codes, classes)


def _scanned(one: _HeldBack) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int32]]]:
    """The predictor's own probabilities of the block's reviewed windows, and their true codes, by series."""
    classes = one.predictor.classes
    for data in one.dataset.series.values():
        candles = _until(data.candles, one.block)
        if not len(candles):
            continue
        samples, raw = one.predictor.scan(candles)
        rows = one.block.contains(samples, {candles.key: candles}) & _reviewed(samples, data, classes)
        labelled = one.predictor.recipe.encoder.label(samples.take(rows), candles, data.annotations)
        yield raw[rows].reshape(-1, len(classes)), coded(labelled, classes).reshape(-1)


def _row_codes(samples: Samples) -> NDArray[np.int32]:
    """One code a sample: of a sequence, its highest."""
    highest: NDArray[np.int32] = samples.codes.max(axis=tuple(range(1, samples.codes.ndim)))
    return highest


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


def _until(candles: Candles, block: Block) -> Candles:
    """The candles that have closed by the end of the block."""
    return candles[: int(np.searchsorted(candles.time + candles.key.seconds, block.end, side="right"))]
