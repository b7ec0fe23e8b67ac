"""Walking forward: each stretch of time is predicted by a model of its own, fitted on what was known before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.errors import TrainingError
from candle_ml.evaluation import Evaluation, SeriesCase
from candle_ml.execution import results, undivided
from candle_ml.held_back import deciding
from candle_ml.inference import OutOfFold, Predictor
from candle_ml.inference.out_of_fold import LARGEST_FILE, Origin
from candle_ml.predictions import Prediction
from candle_ml.split import Block, Fold, Split, split, walk_forward
from candle_ml.training import Prepared, Trained, cases, evaluated, fit

TOO_LARGE = f"out-of-fold predictions are left out: a bundle holds at most {LARGEST_FILE // 1_000_000} MB of them"


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What the model of one fold (1 is the earliest) scored on the fold's test block; None where it has no truth."""

    number: int
    block: Block
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class Walked:
    """The folds that could be fitted, what their models predicted, and why others could not."""

    folds: tuple[FoldResult, ...]
    predictions: tuple[Prediction, ...]
    notes: tuple[str, ...]

    def metrics(self) -> dict[str, float]:
        """Macro F1 of candles and of spans: of each fold (`fold_1_f1_macro`), and their means (`folds_f1_macro`)."""
        scores = {fold.number: _headlines(fold.evaluation) for fold in self.folds if fold.evaluation is not None}
        each = {f"fold_{number}_{name}": value for number, found in scores.items() for name, value in found.items()}
        names = next(iter(scores.values()), {})
        means = {f"folds_{name}": float(np.mean([found[name] for found in scores.values()])) for name in names}
        return means | each


@dataclass(frozen=True, slots=True)
class ScoredFold:
    """A fold's model with its cases and scores, where it could be fitted, and what is to be said of it."""

    note: str
    predictor: Predictor | None = None
    cases: tuple[SeriesCase, ...] = ()
    evaluation: Evaluation | None = None


@dataclass(frozen=True, slots=True)
class _WalkedFold:
    """A fold's scores and predictions, where it could be fitted, and what is to be said of it."""

    note: str
    result: FoldResult | None = None
    predictions: tuple[Prediction, ...] = ()


def has_folds(config: PipelineConfig) -> bool:
    """Whether a configuration asks for folds."""
    return config.split.enabled and (config.split.method == "walk_forward" or config.evaluation.out_of_fold)


def walk(prepared: Prepared, config: PipelineConfig, progress: Progress = no_progress) -> Walked:
    """Fit, predict and score every fold.

    A fold's model stops early, is calibrated and gets its thresholds on the end of the fold's own train part; where
    that has too few patterns for it, it is fitted on the whole part and its probabilities are its own. A fold that
    cannot be fitted at all is left out. Raises `TrainingError` where a fold has no sample.
    """
    candles = _candles(prepared.dataset)
    folds = walk_forward(prepared.samples, candles, folds=config.split.folds, embargo=config.split.embargo)
    numbered = list(enumerate(folds, 1))
    found = results(config, partial(_walked, prepared, undivided(config)), numbered, "folds", progress)
    return Walked(
        folds=tuple(one.result for one in found if one.result is not None),
        predictions=tuple(prediction for one in found for prediction in one.predictions),
        notes=tuple(one.note for one in found if one.note),
    )


def scored_fold(prepared: Prepared, config: PipelineConfig, number: int, fold: Fold) -> ScoredFold:
    """Fit one fold as `walk` does, and score its test block."""
    trained, note = _fitted(prepared, fold, number, config)
    if trained is None:
        return ScoredFold(note)
    found = cases(prepared.dataset, trained.predictor, prepared.split.train.classes, config, fold.test_block)
    score = evaluated(trained.prepared, trained.predictor, found, config) if found else None
    return ScoredFold(note, trained.predictor, tuple(found), score)


def block_predictions(
    dataset: Dataset,
    predictor: Predictor,
    block: Block,
    found: Sequence[SeriesCase],
    config: PipelineConfig,
    progress: Progress = no_progress,
) -> list[Prediction]:
    """What a predictor says of the candles of a block, after its embargo, knowing nothing after the block.

    `found` are cases of the same block, whose predictions are used again. Spans that begin before those candles are
    left out.
    """
    known = {case.candles.key: case.prediction for case in found}
    items = [(data.candles, known.get(key)) for key, data in dataset.series.items()]
    every = results(config, partial(_block_prediction, predictor, block), items, "predicting the block", progress)
    return [one for one in every if one is not None]


def _block_prediction(predictor: Predictor, block: Block, item: tuple[Candles, Prediction | None]) -> Prediction | None:
    whole, known = item
    candles = _closed(whole, block.end)
    first = int(np.searchsorted(candles.time, block.start)) + block.embargo
    if first >= len(candles):
        return None
    start = int(candles.time[first])
    prediction = (known or predictor.predict(deciding(predictor, whole, block))).since(start)
    return replace(prediction, spans=tuple(span for span in prediction.spans if span.start_time >= start))


def tested_block(
    trained: Trained, found: Sequence[SeriesCase], config: PipelineConfig, progress: Progress
) -> OutOfFold | str | None:
    """The test block as the evaluated model predicts it; None where a random split has left no time unseen.

    A text where they are so many that a bundle would not hold them: that says so.
    """
    prepared = trained.prepared
    train, block = prepared.split.block("train"), prepared.split.block("test")
    if train is None or block is None or block.start < train.end:
        return None
    within = (np.searchsorted(data.candles.time, (block.start, block.end)) for data in prepared.dataset.series.values())
    if OutOfFold.size(sum(int(end - first) for first, end in within), len(trained.predictor.classes)) > LARGEST_FILE:
        return TOO_LARGE
    predictions = block_predictions(prepared.dataset, trained.predictor, block, found, config, progress)
    return held("test block", predictions, trained.predictor.classes)


def held(origin: Origin, predictions: Sequence[Prediction], classes: tuple[str, ...]) -> OutOfFold | str:
    """These predictions as a bundle holds them; a text where it would not."""
    joined = OutOfFold.of(origin, predictions, classes)
    return joined if joined.fits() else TOO_LARGE


def _walked(prepared: Prepared, config: PipelineConfig, numbered: tuple[int, Fold]) -> _WalkedFold:
    """What becomes of one fold."""
    number, fold = numbered
    scored = scored_fold(prepared, config, number, fold)
    if scored.predictor is None:
        return _WalkedFold(scored.note)
    predictions = block_predictions(prepared.dataset, scored.predictor, fold.test_block, scored.cases, config)
    return _WalkedFold(scored.note, FoldResult(number, fold.test_block, scored.evaluation), tuple(predictions))


def _headlines(evaluation: Evaluation) -> dict[str, float]:
    spans = evaluation.spans.at(evaluation.spans.iou).macro
    return {"f1_macro": evaluation.f1_macro, "span_f1_macro": spans.f1_score}


def _fitted(prepared: Prepared, fold: Fold, number: int, config: PipelineConfig) -> tuple[Trained | None, str]:
    """The fold's model: with its own validation and calibration blocks, else without, else none; and a note of it."""
    try:
        return _fit(prepared, _inner_split(prepared.dataset, fold, config), config), ""
    except TrainingError:
        whole = _only_train(fold)
    try:
        trained = _fit(prepared, whole, config)
    except TrainingError as error:
        return None, f"fold {number} is left out: {error.problems[0]}"
    return trained, f"fold {number} is fitted without early stopping and calibration: too few patterns before its test"


def _fit(prepared: Prepared, parts: Split, config: PipelineConfig) -> Trained:
    """Fit on other blocks; a label that does not stand in them yet needs no threshold."""
    given = config.calibration.thresholds
    if not isinstance(given, str):
        known = {name: value for name, value in given.items() if name in parts.train.classes}
        config = replace(config, calibration=config.calibration.model_copy(update={"thresholds": known}))
    return fit(replace(prepared, split=parts), config)


def _inner_split(dataset: Dataset, fold: Fold, config: PipelineConfig) -> Split:
    """Train, validation and calibration in their configured proportions within the fold's train part."""
    stage = config.split
    total = stage.train + stage.validation + stage.calibration
    candles = {key: _closed(one, fold.train_block.end) for key, one in _candles(dataset).items()}
    return split(
        fold.train,
        candles,
        train=stage.train / total,
        validation=stage.validation / total,
        calibration=stage.calibration / total,
        test=0.0,
        embargo=stage.embargo,
    )


def _only_train(fold: Fold) -> Split:
    none = fold.train.take(np.zeros(len(fold.train), dtype=bool))
    return Split(fold.train, none, none, none, (fold.train_block,))


def _candles(dataset: Dataset) -> Mapping[SeriesKey, Candles]:
    return {key: data.candles for key, data in dataset.series.items()}


def _closed(candles: Candles, end: int) -> Candles:
    """The candles that have closed by a time."""
    return candles[: int(np.searchsorted(candles.time + candles.key.seconds, end, side="right"))]
