"""Writing a bundle: everything a trained predictor needs, into one sealed folder."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from candle_ml.bundle import (
    CALIBRATOR,
    EFFECTIVE,
    EXEMPLARS,
    GOLDEN,
    INFO,
    MODEL_FOLDER,
    OUT_OF_FOLD,
    PIPELINE,
    SUGGESTIONS,
    BundleInfo,
    ClassMetrics,
    Coverage,
    MetricsSummary,
    SeriesAnnotations,
    seal,
)
from candle_ml.candles import Candles, SeriesKey
from candle_ml.config import PipelineConfig
from candle_ml.dataset import effective_reviewed
from candle_ml.evaluation import Evaluation
from candle_ml.inference import Exemplars, OutOfFold, Suggestions, make_golden
from candle_ml.inference.receipt import MOST_SLICES, current_versions
from candle_ml.samples import series_annotation
from candle_ml.scores import Samples
from candle_ml.settling import settled
from candle_ml.training import Prepared, Trained

_PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a bundle comes from: the run, the experiment, the data version and the code commit where there are any."""

    run_id: str
    experiment: str
    data_version: str | None = None
    commit: str | None = None


def write_bundle(
    folder: Path,
    trained: Trained,
    evaluation: Evaluation | None,
    config: PipelineConfig,
    provenance: Provenance,
    out_of_fold: OutOfFold | None = None,
    suggestions: Suggestions | None = None,
) -> str:
    """Write a bundle into an empty folder and return the digest of its manifest."""
    config = settled(config, trained.prepared.dataset)
    model_folder = folder / MODEL_FOLDER
    model_folder.mkdir(parents=True)
    trained.predictor.model.save(model_folder)
    (folder / CALIBRATOR).write_text(trained.predictor.calibrator.to_json(), "utf-8")
    (folder / PIPELINE).write_text(config.source_text, "utf-8")
    (folder / EFFECTIVE).write_text(config.text, "utf-8")
    make_golden(trained.predictor, _golden_ends(trained)).save(folder / GOLDEN)
    if out_of_fold is not None:
        out_of_fold.save(folder / OUT_OF_FOLD)
    if suggestions is not None:
        (folder / SUGGESTIONS).write_text(suggestions.model_dump_json(indent=1), "utf-8")
    info = _info(trained, evaluation, config, provenance)
    (folder / INFO).write_text(info.model_dump_json(indent=1), "utf-8")
    _exemplars(trained.prepared, info).save(folder / EXEMPLARS)
    return seal(folder)


def label_colors(labels: tuple[str, ...], given: dict[str, str]) -> dict[str, str]:
    """A colour for every pattern: the given one, else one of a fixed colour-blind-safe palette in turn."""
    patterns = labels[1:]
    return {label: given.get(label, _PALETTE[number % len(_PALETTE)]) for number, label in enumerate(patterns)}


def _info(
    trained: Trained,
    evaluation: Evaluation | None,
    config: PipelineConfig,
    provenance: Provenance,
) -> BundleInfo:
    predictor, prepared = trained.predictor, trained.prepared
    recipe, params = predictor.recipe, predictor.params
    dataset = prepared.dataset
    colors = config.sources.colors | dict(dataset.label_colors)
    return BundleInfo(
        model_name=config.model_name,
        model_type=config.model.chosen.name,
        experiment_name=provenance.experiment,
        run_id=provenance.run_id,
        trained_at=int(time.time()),
        seed=config.seed,
        classes=predictor.classes,
        label_colors=label_colors(predictor.classes, colors),
        thresholds=params.thresholds,
        lengths=params.lengths,
        timeframes=tuple(sorted({key.timeframe for key in dataset.series})),
        window=recipe.encoder.longest_window,
        lookback=recipe.plan.lookback,
        required_history=predictor.required_history,
        delay=recipe.encoder.delay(params),
        columns=recipe.plan.candle_columns + recipe.plan.window_columns,
        needs_volume=recipe.plan.needs_volume,
        config_hash=config.hash,
        data_hash=dataset.hash,
        data_version=provenance.data_version,
        label_set_hash=None if evaluation is None else evaluation.label_set_hash,
        commit=provenance.commit,
        refit=config.model.refit,
        metrics=_summary(evaluation),
        coverage=_coverage(trained, config),
        annotations=_annotations(prepared, config),
        versions=current_versions(_distributions(config)),
        sources=predictor.sources,
    )


def _summary(evaluation: Evaluation | None) -> MetricsSummary:
    if evaluation is None:
        return MetricsSummary()
    return MetricsSummary(
        accuracy=evaluation.accuracy,
        f1_macro=evaluation.f1_macro,
        f1_weighted=evaluation.f1_weighted,
        per_class={
            name: ClassMetrics(
                precision=score.precision, recall=score.recall, f1_score=score.f1_score, support=score.support
            )
            for name, score in evaluation.per_class.items()
        },
    )


def _distributions(config: PipelineConfig) -> tuple[str, ...]:
    """The distributions of the plugins that compute something at inference."""
    chosen = [config.labels.chosen, config.model.chosen, *config.features.use]
    names = {config.manager.provider(choice.component.kind, choice.name).distribution for choice in chosen}
    return tuple(sorted(names))


def _golden_ends(trained: Trained) -> list[tuple[Candles, int]]:
    """Where golden slices end: the last training sample of each class in turn, at most `MOST_SLICES`."""
    samples, series = trained.prepared.split.train, trained.prepared.dataset.series
    ends: dict[tuple[SeriesKey, int], None] = {}
    for code in range(len(samples.classes)):
        for row in np.flatnonzero((samples.codes == code).reshape(len(samples), -1).any(axis=1))[-1:]:
            ends[samples.series[samples.series_code[row]], int(samples.last[row])] = None
    return [(series[key].candles, end) for key, end in list(ends)[:MOST_SLICES]]


def _fitted(prepared: Prepared, config: PipelineConfig) -> tuple[Samples, ...]:
    """The samples that anything was fitted or chosen on."""
    parts = prepared.split
    return (parts.train, parts.validation, parts.calibration) + ((parts.test,) if config.model.refit else ())


def _annotations(prepared: Prepared, config: PipelineConfig) -> tuple[SeriesAnnotations, ...]:
    """Every annotation of the data set, by series, apart by whether anything was fitted on it."""
    seen = {
        samples.annotation_ids[number]
        for samples in _fitted(prepared, config)
        for number in np.unique(samples.annotation[samples.annotation >= 0]).tolist()
    }
    found = []
    for key, data in prepared.dataset.series.items():
        ids = [item.id for item in data.annotations]
        fitted = tuple(name for name in ids if series_annotation(key, name) in seen)
        others = tuple(name for name in ids if series_annotation(key, name) not in seen)
        found.append(SeriesAnnotations(pair=key.pair, timeframe=key.timeframe, fitted=fitted, others=others))
    return tuple(one for one in found if one.fitted or one.others)


def _exemplars(prepared: Prepared, info: BundleInfo) -> Exemplars:
    """The annotated spans that anything was fitted on."""
    fitted = {SeriesKey(one.pair, one.timeframe): frozenset(one.fitted) for one in info.annotations}
    return Exemplars.of(
        [
            (data.candles, [item for item in data.annotations if item.id in fitted.get(key, ())])
            for key, data in prepared.dataset.series.items()
        ]
    )


def _coverage(trained: Trained, config: PipelineConfig) -> tuple[Coverage, ...]:
    """The candles of each series that anything was fitted or chosen on."""
    seen: dict[SeriesKey, list[tuple[int, int]]] = defaultdict(list)
    prepared = trained.prepared
    for samples in _fitted(prepared, config):
        for code, first, last in zip(samples.series_code, samples.first, samples.last, strict=True):
            key = samples.series[code]
            time_of = prepared.dataset.series[key].candles.time
            seen[key].append((int(time_of[first]), int(time_of[last])))
    block = prepared.split.block("calibration") or (prepared.split.block("train") if config.calibration.folds else None)
    if block is not None and config.calibration.enabled:
        for key, data in prepared.dataset.series.items():
            for item in effective_reviewed(data, trained.predictor.classes):
                start, end = max(item.start_time, block.start), min(item.end_time, block.end - key.seconds)
                if start <= end:
                    seen[key].append((start, end))
    return tuple(
        Coverage(pair=key.pair, timeframe=key.timeframe, ranges=_merged(seen[key], key.seconds)) for key in sorted(seen)
    )


def _merged(ranges: list[tuple[int, int]], seconds: int) -> tuple[tuple[int, int], ...]:
    """Ranges joined where they overlap or touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + seconds:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
