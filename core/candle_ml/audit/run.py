"""The audit of a configuration, and of the data that is about to be trained on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator

from candle_ml.audit.at_hand import at_hand_row
from candle_ml.audit.blocks import APART, Part, block_rows, parts_of_fold, parts_of_split
from candle_ml.audit.chosen import chosen_row
from candle_ml.audit.features import feature_rows
from candle_ml.audit.fixture import fixture_dataset
from candle_ml.audit.key import audit_key
from candle_ml.audit.labels import independent_row, known_row, negatives_row
from candle_ml.audit.results import AuditReport, AuditRow, skipped
from candle_ml.audit.store import keep, kept
from candle_ml.components import FeatureExtractor, Options, Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.errors import DataError, TrainingError
from candle_ml.inference import Recipe, build_recipe
from candle_ml.reading import read_dataset
from candle_ml.samples import build_samples
from candle_ml.scores import Samples
from candle_ml.split import walk_forward
from candle_ml.training import Prepared, prepare, split_samples
from candle_ml.walk_forward import has_folds

_WINDOWS = 120
SPLIT = "split"
DATA = "the data at hand"


def audit_plugins(config: PipelineConfig, progress: Progress = no_progress) -> AuditReport:
    """Audit extractors, encoder and split of a configuration on made candles.

    Raises `PluginError` where a plugin raises.
    """
    started = time.perf_counter()
    recipe = build_recipe(config)
    count = recipe.plan.lookback + max(400, _WINDOWS * recipe.encoder.longest_window)
    dataset = fixture_dataset(count, recipe.encoder.longest_window)
    rows = [
        *_feature_rows(config, recipe, progress),
        independent_row(lambda: build_recipe(config), dataset),
        known_row(config.labels.chosen.name, recipe.encoder, dataset, progress),
        chosen_row(config.labels.chosen.name, recipe.encoder, dataset, progress),
        negatives_row(config.labels.chosen.name, recipe.encoder, dataset),
        *_split_rows(config, build_samples(dataset, recipe.encoder).samples, dataset),
    ]
    seconds = round(time.perf_counter() - started, 3)
    return AuditReport(key=audit_key(config, recipe), seconds=seconds, rows=tuple(rows))


def audit_data(prepared: Prepared, config: PipelineConfig, progress: Progress = no_progress) -> AuditReport:
    """Audit the extractors of a configuration on the data that is about to be trained on."""
    started = time.perf_counter()
    every = [data.candles for data in prepared.dataset.series.values()]
    rows = [at_hand_row(name, build, prepared.recipe.encoder, every, progress) for name, build in _extractors(config)]
    seconds = round(time.perf_counter() - started, 3)
    return AuditReport(key=_data_key(prepared, config), seconds=seconds, rows=tuple(rows))


def audit_blocks(prepared: Prepared, config: PipelineConfig) -> tuple[AuditRow, ...]:
    """Audit the blocks that are about to be trained on; a `random` split has said that it leaks and is left out."""
    if not config.split.enabled or config.split.method == "random":
        return ()
    arrangements = [parts_of_split(prepared.split), *_folds(config, prepared.samples, prepared.dataset)]
    return tuple(block_rows(DATA, arrangements, prepared.dataset))


def audit_project(config: PipelineConfig, progress: Progress = no_progress) -> AuditReport:
    """The audit of a configuration, kept for the trainings to come, and that of the configured data.

    Data that cannot be read or divided is said to be left out.
    """
    report = audit_plugins(config, progress)
    keep(config.root, report)
    try:
        prepared = prepare(read_dataset(config, progress=progress), config, progress)
    except (DataError, TrainingError) as error:
        return _extended(report, skipped(APART, DATA, str(error.problems[0])))
    at_hand = audit_data(prepared, config, progress)
    keep(config.root, at_hand)
    return _extended(report, *at_hand.rows, *audit_blocks(prepared, config), seconds=at_hand.seconds)


def audit_before_training(config: PipelineConfig, prepared: Prepared, progress: Progress = no_progress) -> AuditReport:
    """Refuse to train on a leak: in the configuration, in its features of this data (both looked at once), in blocks.

    Raises `AuditError` that names every leak.
    """
    report = kept(config.root, audit_key(config, prepared.recipe)) or audit_plugins(config, progress)
    keep(config.root, report)
    at_hand = kept(config.root, _data_key(prepared, config)) or audit_data(prepared, config, progress)
    keep(config.root, at_hand)
    rows = report.rows if config.split.method != "random" else [row for row in report.rows if row.subject != SPLIT]
    report = report.model_copy(update={"rows": (*rows, *at_hand.rows, *audit_blocks(prepared, config))})
    report.refuse_leaks()
    return report


def _extended(report: AuditReport, *rows: AuditRow, seconds: float = 0.0) -> AuditReport:
    return report.model_copy(update={"rows": (*report.rows, *rows), "seconds": report.seconds + seconds})


def _data_key(prepared: Prepared, config: PipelineConfig) -> str:
    """SHA-256 (hex) of a configuration's key and the data that it meets."""
    return hashlib.sha256(f"{audit_key(config, prepared.recipe)} {prepared.dataset.hash}".encode()).hexdigest()


def _feature_rows(config: PipelineConfig, recipe: Recipe, progress: Progress) -> Iterator[AuditRow]:
    for name, build in _extractors(config):
        yield from feature_rows(name, build, recipe.encoder, progress)


def _extractors(config: PipelineConfig) -> Iterator[tuple[str, Callable[[], FeatureExtractor]]]:
    """How each extractor is built; the raw candles, where there is none, know nothing but themselves."""
    for choice in config.features.use:

        def build(name: str = choice.name, options: Options = choice.options) -> FeatureExtractor:
            return config.manager.build("feature-extractor", name, options)

        yield choice.name, build


def _split_rows(config: PipelineConfig, samples: Samples, dataset: Dataset) -> Iterator[AuditRow]:
    """The blocks, and the folds, that the configured split makes of the made candles."""
    if not config.split.enabled:
        yield skipped(APART, SPLIT, "the stage is disabled")
        return
    try:
        arrangements = [parts_of_split(split_samples(samples, dataset, config)), *_folds(config, samples, dataset)]
    except TrainingError as error:
        yield skipped(APART, SPLIT, f"the made candles are too few for it ({error.problems[0]})")
        return
    yield from block_rows(SPLIT, arrangements, dataset)


def _folds(config: PipelineConfig, samples: Samples, dataset: Dataset) -> list[list[Part]]:
    if not has_folds(config):
        return []
    candles = {key: data.candles for key, data in dataset.series.items()}
    folds = walk_forward(samples, candles, folds=config.split.folds, embargo=config.split.embargo)
    return [parts_of_fold(fold) for fold in folds]
