"""From a data set to a fitted predictor: samples, split, fit, calibration and thresholds, in this order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN
from candle_ml.calibration import Calibrator
from candle_ml.candles import SeriesKey
from candle_ml.cluster import cluster
from candle_ml.components import FitContext, Model, Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.errors import ConfigError, TrainingError
from candle_ml.evaluation import DEFAULT_THRESHOLD, Evaluation, EvaluationOptions, SeriesCase, evaluate
from candle_ml.execution import one_thread, results, undivided
from candle_ml.held_back import (
    HeldBack,
    beside,
    chosen_thresholds,
    fitted_calibrator,
    given_thresholds,
    series_case,
    since,
)
from candle_ml.inference import Predictor, Recipe, build_recipe
from candle_ml.samples import SeriesFeatures, concatenate, with_history
from candle_ml.scores import DecodeParams, Samples
from candle_ml.series_work import features_and_samples
from candle_ml.settling import settled
from candle_ml.split import Block, Fold, Split, cross_folds, everything_in_train, split


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
class Trained:
    """A fitted predictor, and what was noticed on the way."""

    predictor: Predictor
    prepared: Prepared
    notes: tuple[str, ...]


def prepare(dataset: Dataset, config: PipelineConfig, progress: Progress = no_progress) -> Prepared:
    """Features, samples and blocks. Raises `TrainingError` where they do not suffice for training."""
    config = settled(config, dataset)
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
    calibrator = fitted_calibrator(held_back, config)
    chosen = chosen_thresholds(held_back, calibrator, config)
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
    case = partial(series_case, predictor, labels, block)
    found = results(config, case, list(dataset.series.values()), "predicting", progress)
    return [one for one in found if one is not None]


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
) -> tuple[list[HeldBack], tuple[str, ...]]:
    """What confidences and thresholds are chosen on: the calibration block, or each fold of the train block in turn."""
    block = prepared.split.block("calibration")
    if block is not None:
        return [beside(predictor, prepared.dataset, block, config, progress)], ()
    of_fold = partial(_held_back_by, prepared, undivided(config))
    found = results(config, of_fold, _folds(prepared, config), "calibration folds", progress)
    left_out = [(number, one) for number, one in enumerate(found, 1) if isinstance(one, str)]
    notes = tuple(f"calibration fold {number} is left out: {why}" for number, why in left_out)
    return [one for one in found if isinstance(one, HeldBack)], notes


def _held_back_by(prepared: Prepared, config: PipelineConfig, fold: Fold) -> HeldBack | str:
    """A fold of the train block beside a predictor that was fitted on the others; why, where none can be."""
    inner = replace(prepared, split=replace(prepared.split, train=fold.train))
    try:
        predictor = _uncalibrated(inner, fit_model(inner, inner.split, config), config)
    except TrainingError as error:
        return str(error.problems[0])
    near = since(prepared.dataset, fold.test_block, predictor.required_history)
    return beside(predictor, near, fold.test_block, config)


def _folds(prepared: Prepared, config: PipelineConfig) -> tuple[Fold, ...]:
    folds, block = config.calibration.folds, prepared.split.block("train")
    if not folds or block is None:
        return ()
    candles = {key: data.candles for key, data in prepared.dataset.series.items()}
    return cross_folds(prepared.split.train, candles, block, folds=folds, embargo=config.split.embargo)


def _check_threshold_labels(config: PipelineConfig, classes: tuple[str, ...]) -> None:
    unknown = [name for name in given_thresholds(config) if name not in classes[1:]]
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
    return DecodeParams(dict.fromkeys(lengths, DEFAULT_THRESHOLD) | given_thresholds(config), lengths)


def _row_codes(samples: Samples) -> NDArray[np.int32]:
    """One code a sample: of a sequence, its highest."""
    highest: NDArray[np.int32] = samples.codes.max(axis=tuple(range(1, samples.codes.ndim)))
    return highest
