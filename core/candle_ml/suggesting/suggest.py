"""Suggestions of one model over one data set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from candle_ml.candles import SeriesKey
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.errors import TrainingError
from candle_ml.inference import Doubt, Exemplars, LoadedModel, Predictor, Suggestion, Suggestions
from candle_ml.suggesting.choosing import chosen
from candle_ml.suggesting.reviewing import out_of_fold_claims, review_queue
from candle_ml.suggesting.stretches import stretches
from candle_ml.training import Prepared, prepare


@dataclass(frozen=True, slots=True)
class Suggested:
    """Suggestions, None where none were asked for, and what was noticed on the way."""

    content: Suggestions | None = None
    notes: tuple[str, ...] = ()


def suggest(
    predictor: Predictor, prepared: Prepared, config: PipelineConfig, progress: Progress = no_progress
) -> Suggested:
    """What to annotate next, by the predictor, and what to look at again, by models of `suggest.folds` parts.

    Nothing where the stage is disabled.
    """
    if not config.suggest.enabled:
        return Suggested()
    found = suggested_stretches(predictor, prepared.dataset, config, progress)
    queue, notes = _looked_at_again(prepared, config, prepared.dataset.series, progress)
    return Suggested(Suggestions(suggestions=found, review=queue), notes)


def suggest_anew(
    loaded: LoadedModel,
    dataset: Dataset,
    config: PipelineConfig,
    keys: Collection[SeriesKey],
    progress: Progress = no_progress,
) -> tuple[Suggestions, tuple[str, ...]]:
    """What a model that was trained earlier suggests for some series of the data set as it is now, and notes.

    Annotations are judged by models that are fitted as it was; `config` gives `suggest` and `execution`. Where the
    annotations do not suffice for them, nothing is to be looked at again and a note says why.
    """
    own = replace(dataset, series={key: data for key, data in dataset.series.items() if key in keys})
    found = suggested_stretches(loaded.predictor, own, config, progress)
    split = loaded.config.split.model_copy(update={"enabled": False})
    stages = replace(loaded.config, split=split, suggest=config.suggest, root=config.root, execution=config.execution)
    try:
        prepared = prepare(dataset, stages, progress)
    except TrainingError as error:
        return Suggestions(suggestions=found), (f"no annotation is looked at again: {error.problems[0]}",)
    queue, notes = _looked_at_again(prepared, stages, keys, progress)
    return Suggestions(suggestions=found, review=queue), notes


def suggested_stretches(
    predictor: Predictor, dataset: Dataset, config: PipelineConfig, progress: Progress = no_progress
) -> tuple[Suggestion, ...]:
    """At most `suggest.limit` stretches to annotate, the most useful first."""
    pool = stretches(predictor, dataset, config, progress)
    return tuple(
        Suggestion(
            pair=pool.series[row].pair,
            timeframe=pool.series[row].timeframe,
            start_time=pool.spans[row].start_time,
            end_time=pool.spans[row].end_time,
            label=pool.spans[row].label,
            confidence=pool.spans[row].confidence,
            uncertainty=float(pool.uncertainty[row]),
            why=why,
        )
        for row, why in chosen(pool, _annotated(dataset).shapes, config.suggest.limit)
    )


def _looked_at_again(
    prepared: Prepared, config: PipelineConfig, keys: Collection[SeriesKey], progress: Progress
) -> tuple[tuple[Doubt, ...], tuple[str, ...]]:
    """The annotations of some series whose label looks wrong, and notes; nothing where no folds are asked for."""
    stage = config.suggest
    if not stage.folds:
        return (), ()
    claims = out_of_fold_claims(prepared, config, stage.folds, progress)
    return review_queue(claims.of(keys), prepared.dataset, _annotated(prepared.dataset), stage.limit), claims.notes


def _annotated(dataset: Dataset) -> Exemplars:
    """Every annotated pattern with its shape."""
    return Exemplars.of([(data.candles, data.annotations) for data in dataset.series.values()])
