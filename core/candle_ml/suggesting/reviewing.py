"""Annotations whose label looks wrong, by confident learning on out-of-fold probabilities.

Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels (Journal of Artificial
Intelligence Research 70, 2021): each annotation is judged by a model that was fitted without it, and the order is that
of the normalized margin between its label and the best other. Samples without a pattern are the most by far where a
model is fitted, and the fewest among annotations: probabilities are corrected to classes that are equally frequent
(Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities, Neural
Computation 14, 2002).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import Annotation
from candle_ml.candles import SeriesKey
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.errors import TrainingError
from candle_ml.execution import results, undivided
from candle_ml.inference import Doubt, Exemplars, SimilarSpan
from candle_ml.inference.shapes import shapes
from candle_ml.samples import series_annotation
from candle_ml.scores import Samples
from candle_ml.split import everything_in_train
from candle_ml.training import Prepared, fit_model


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldClaims:
    """`n` annotations and what a model that was fitted without each says of it: `float64` `(n, classes)`.

    Probabilities are as if all classes were equally frequent. `codes` (`int64`) are the annotated classes. `notes` tell
    of folds that could not be fitted.
    """

    annotations: tuple[Annotation, ...]
    classes: tuple[str, ...]
    codes: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def of(self, keys: Collection[SeriesKey]) -> OutOfFoldClaims:
        """Those about the annotations of some series."""
        rows = [row for row, item in enumerate(self.annotations) if item.series in keys]
        return replace(
            self,
            annotations=tuple(self.annotations[row] for row in rows),
            codes=self.codes[rows],
            probabilities=self.probabilities[rows],
        )


def review_queue(claims: OutOfFoldClaims, dataset: Dataset, exemplars: Exemplars, limit: int) -> tuple[Doubt, ...]:
    """The annotations for which another class is ahead, the worst first, at most `limit`, each with its evidence."""
    doubt, likely = doubts(claims.probabilities, claims.codes)
    order = np.argsort(-doubt, kind="stable")
    worst = order[doubt[order] > 0.5][:limit].tolist()
    return tuple(_told(claims, row, float(doubt[row]), int(likely[row]), dataset, exemplars) for row in worst)


def doubts(
    probabilities: NDArray[np.float64], codes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How wrong each given class looks, 0..1 and above 0.5 where another is ahead, and which other that is."""
    rows = np.arange(len(codes))
    others = probabilities.copy()
    others[rows, codes] = -1.0
    likely = others.argmax(axis=1)
    return (1 - probabilities[rows, codes] + others[rows, likely]) / 2, likely


def out_of_fold_claims(
    prepared: Prepared, config: PipelineConfig, folds: int, progress: Progress = no_progress
) -> OutOfFoldClaims:
    """Probabilities of every annotation by models that have seen no candle of it.

    The annotations of each label are dealt to the folds in turn; a model is fitted on all samples that share no candle
    with those of its fold. An annotation whose label that model does not know is left out.
    """
    samples = prepared.samples
    every = {
        series_annotation(key, item.id): item
        for key, data in prepared.dataset.series.items()
        for item in data.annotations
    }
    dealt = _dealt(samples, folds)
    found = results(config, partial(_fold, prepared, undivided(config)), dealt, "review folds", progress)
    notes = [f"review fold {number} is left out: {one}" for number, one in enumerate(found, 1) if isinstance(one, str)]
    judged = [one for one in found if not isinstance(one, str)]
    numbers = np.concatenate([np.empty(0, np.int64), *(one.numbers for one in judged)])
    order = np.argsort(numbers)
    return OutOfFoldClaims(
        annotations=tuple(every[samples.annotation_ids[number]] for number in numbers[order].tolist()),
        classes=samples.classes,
        codes=np.concatenate([np.empty(0, np.int64), *(one.codes for one in judged)])[order],
        probabilities=np.concatenate([np.empty((0, len(samples.classes))), *(one.probabilities for one in judged)])[
            order
        ],
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """Annotations by their number among the samples' ids, their classes, and what a fold's model says of them."""

    numbers: NDArray[np.int64]
    codes: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def _dealt(samples: Samples, folds: int) -> list[NDArray[np.int64]]:
    """The numbers of the annotations of each fold; every label's in turn, in order of time."""
    codes = _row_codes(samples)
    own = np.flatnonzero((samples.annotation >= 0) & (codes >= 0))
    order = own[np.lexsort((samples.known_at[own], codes[own]))]
    numbers = np.array(list(dict.fromkeys(samples.annotation[order].tolist())), dtype=np.int64)
    return [part for part in (numbers[start::folds] for start in range(folds)) if len(part)]


def _fold(prepared: Prepared, config: PipelineConfig, numbers: NDArray[np.int64]) -> _Judged | str:
    """What a model says of these annotations that was fitted without them; why, where none can be."""
    samples = prepared.samples
    mine = np.isin(samples.annotation, numbers)
    candles = {key: data.candles for key, data in prepared.dataset.series.items()}
    try:
        parts = everything_in_train(samples.take(~_touching(samples, mine)), candles)
        model = fit_model(replace(prepared, split=parts), parts, config)
    except TrainingError as error:
        return str(error.problems[0])
    held = samples.take(mine & (_row_codes(samples) >= 0))
    said = model.predict_proba(prepared.recipe.unlabelled_matrix(prepared.features, held))
    corrected = _equally_frequent(said, parts.train.codes)
    return _judged(held, _over(corrected, model.classes, samples.classes), model.classes)


def _touching(samples: Samples, mine: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The samples that share a candle with one of these."""
    touching = mine.copy()
    for code in np.unique(samples.series_code[mine]).tolist():
        of_series = np.flatnonzero(samples.series_code == code)
        covered = np.zeros(int(samples.last[of_series].max()) + 2, dtype=np.int64)
        inside = of_series[mine[of_series]]
        np.add.at(covered, samples.first[inside], 1)
        np.add.at(covered, samples.last[inside] + 1, -1)
        before = np.append(0, np.cumsum(np.cumsum(covered) > 0))
        touching[of_series] |= before[samples.last[of_series] + 1] > before[samples.first[of_series]]
    return touching


def _equally_frequent(said: NDArray[np.float64], fitted: NDArray[np.int32]) -> NDArray[np.float64]:
    """The probabilities as they would be had every class been fitted on as many samples as any other."""
    corrected: NDArray[np.float64] = said / np.bincount(fitted[fitted >= 0], minlength=said.shape[-1])
    corrected /= corrected.sum(axis=-1, keepdims=True)
    return corrected


def _over(said: NDArray[np.float64], known: tuple[str, ...], classes: tuple[str, ...]) -> NDArray[np.float64]:
    """The same probabilities over all classes; a class that the model does not know has none."""
    every = np.zeros((*said.shape[:-1], len(classes)))
    every[..., [classes.index(name) for name in known]] = said
    return every


def _judged(held: Samples, said: NDArray[np.float64], known: tuple[str, ...]) -> _Judged:
    """The mean over the windows of each annotation; of a sequence, over the steps that have its class."""
    codes = _row_codes(held)
    if held.kind == "sequence":
        steps = (held.codes == codes[:, np.newaxis])[..., np.newaxis]
        said = (said * steps).sum(axis=1) / steps.sum(axis=1)
    numbers, first, member = np.unique(held.annotation, return_index=True, return_inverse=True)
    total = np.zeros((len(numbers), said.shape[1]))
    np.add.at(total, member, said)
    judged = _Judged(numbers, codes[first].astype(np.int64), total / np.bincount(member)[:, np.newaxis])
    kept = np.isin(judged.codes, [held.classes.index(name) for name in known])
    return _Judged(numbers[kept], judged.codes[kept], judged.probabilities[kept])


def _row_codes(samples: Samples) -> NDArray[np.int32]:
    """One code a sample: of a sequence, its highest."""
    highest: NDArray[np.int32] = samples.codes.max(axis=tuple(range(1, samples.codes.ndim)))
    return highest


def _told(
    claims: OutOfFoldClaims, row: int, doubt: float, likely: int, dataset: Dataset, exemplars: Exemplars
) -> Doubt:
    item = claims.annotations[row]
    candles = dataset.series[item.series].candles
    first, last = candles.index_range(item.start_time, item.end_time)
    shape = shapes(candles, np.array([first]), np.array([last]))[0]
    likely_label = claims.classes[likely]
    values = np.clip(claims.probabilities[row], 0.0, 1.0).tolist()
    return Doubt(
        id=item.id,
        pair=item.series.pair,
        timeframe=item.series.timeframe,
        start_time=item.start_time,
        end_time=item.end_time,
        label=item.label,
        likely_label=likely_label,
        doubt=doubt,
        probabilities=dict(zip(claims.classes, values, strict=True)),
        similar=tuple(SimilarSpan(**one._asdict()) for one in exemplars.nearest(shape, likely_label)),
    )
