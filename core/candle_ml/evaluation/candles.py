"""Scores of one class a candle: true labels, which candles count, metrics and the baselines beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, precision_recall_fscore_support

from candle_ml.annotations import Annotation
from candle_ml.candles import Candles
from candle_ml.errors import DataError
from candle_ml.evaluation.results import Baselines, CandleMetrics, ClassScore, PrecisionRecallCurve

_CURVE_POINTS = 101


def true_codes(candles: Candles, annotations: Sequence[Annotation], labels: Sequence[str]) -> NDArray[np.int32]:
    """The true class of every candle: an index into `labels` (`int32`), 0 (`O`) where no annotation lies.

    `annotations` are those that count, the most believed first (see `LabelEncoder.truth`). Where they overlap, the one
    with fewer candles wins; of two as long, the more believed.
    """
    extents = [(candles.index_range(a.start_time, a.end_time), a) for a in reversed(annotations)]
    painted = sorted(extents, key=lambda item: item[0][0] - item[0][1])
    code = {label: index for index, label in enumerate(labels)}
    codes = np.zeros(len(candles), dtype=np.int32)
    for (first, last), annotation in painted:
        codes[first : last + 1] = code[annotation.label]
    return codes


def confusion_counts(truth: NDArray[np.int32], predicted: NDArray[np.int32], classes: int) -> NDArray[np.float64]:
    """`(classes, classes)` counts of candles by true (row) and predicted (column) class."""
    cells = np.bincount(truth.astype(np.int64) * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.float64)


def candle_metrics(
    confusion: NDArray[np.float64], labels: tuple[str, ...], average_precision: Mapping[str, float]
) -> CandleMetrics:
    """All scores that follow from a confusion matrix (counts, or expected counts); 0.0 where one is undefined."""
    precision, recall, f1, support = _scores(confusion)
    present, total = support > 0, support.sum()
    rows = zip(labels, precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    return CandleMetrics(
        labels=labels,
        accuracy=float(np.trace(confusion) / total) if total else 0.0,
        f1_macro=_mean(f1[present]),
        f1_macro_patterns=_mean(f1[1:][present[1:]]),
        f1_weighted=float(f1 @ support / total) if total else 0.0,
        per_class={name: ClassScore(precision=p, recall=r, f1_score=f, support=round(s)) for name, p, r, f, s in rows},
        average_precision=dict(average_precision),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def _scores(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Precision, recall, F1 and support as rows, one column a class; zeros where nothing was counted."""
    if not confusion.any():
        return np.zeros((4, len(confusion)))
    true, predicted = np.indices(confusion.shape).reshape(2, -1)
    scores = precision_recall_fscore_support(
        true, predicted, labels=np.arange(len(confusion)), sample_weight=confusion.ravel(), zero_division=0
    )
    return np.stack(scores)


def ranked(truth: NDArray[np.bool_], probability: NDArray[np.float64]) -> tuple[float, PrecisionRecallCurve]:
    """PR-AUC and precision over rising recall of one class against the rest; `truth` holds at least one True.

    The PR-AUC is the sum of precision times step in recall, without interpolation (scikit-learn's average precision).
    The curve is thinned evenly to at most 101 points.
    """
    precision, recall, _ = precision_recall_curve(truth, probability, drop_intermediate=True)
    precision, recall = precision[::-1], recall[::-1]
    average = float(np.sum(np.diff(recall) * precision[1:]))
    kept = np.unique(np.linspace(0, len(recall) - 1, min(len(recall), _CURVE_POINTS)).round().astype(np.int64))
    return average, PrecisionRecallCurve(recall=tuple(recall[kept].tolist()), precision=tuple(precision[kept].tolist()))


def baselines(
    support: NDArray[np.float64],
    labels: tuple[str, ...],
    priors: Mapping[str, float],
    prevalence: Mapping[str, float],
) -> Baselines:
    """What the training shares alone score on candles of this `support` by label.

    `priors` are shares (or counts) of the classes in training, `prevalence` the average precision of a constant score.
    Of two classes that are equally frequent the first is the majority. Raises `DataError` for priors that are negative
    or sum to nothing.
    """
    share = np.array([priors.get(label, 0.0) for label in labels], dtype=np.float64)
    if not np.isfinite(share).all() or (share < 0).any() or share.sum() <= 0:
        raise DataError.at("priors", str(dict(priors)), "give each class its share of the training data")
    majority = np.eye(len(labels))[np.argmax(share)]
    expected = (np.outer(support, guess) for guess in (majority, share / share.sum()))
    first, second = (candle_metrics(counts, labels, prevalence) for counts in expected)
    return Baselines(majority=first, stratified=second)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0
