"""From predictions and the truth to one evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from candle_ml.annotations import NO_PATTERN
from candle_ml.errors import DataError
from candle_ml.evaluation.calibrated import calibration
from candle_ml.evaluation.candles import baselines, candle_metrics, confusion_counts, ranked
from candle_ml.evaluation.cases import (
    ScoredCandles,
    SeriesCase,
    evaluated_labels,
    label_set_hash,
    scored_candles,
    series_spans,
)
from candle_ml.evaluation.intervals import candle_counts, f1_interval, span_counts, time_blocks
from candle_ml.evaluation.mistakes import worst_mistakes
from candle_ml.evaluation.results import Evaluation, EvaluationOptions, Intervals
from candle_ml.evaluation.span_metrics import span_metrics
from candle_ml.evaluation.spans import SeriesSpans, SpanComparison, compare_spans


def evaluate(
    cases: Sequence[SeriesCase],
    classes: tuple[str, ...],
    thresholds: Mapping[str, float],
    options: EvaluationOptions,
    priors: Mapping[str, float],
    seed: int = 0,
) -> Evaluation:
    """Score predictions on the candles of the cases' ranges.

    `classes` are the model's, `O` first; `thresholds` decide which patterns and spans are shown; `priors` are the class
    shares (or counts) in training, for the baselines; `seed` is that of the intervals. Nothing to score is no error but
    a note. Raises `DataError` where classes, cases and priors do not fit together.
    """
    _check(cases, classes)
    labels = evaluated_labels(cases, classes)
    scored = scored_candles(cases, labels, len(classes), thresholds)
    shown = [series_spans(case).above(thresholds) for case in cases]
    compared = [compare_spans(spans, options.headline_iou, options.point_tolerance) for spans in shown]
    confusion = confusion_counts(scored.truth, scored.predicted, len(labels))
    one_vs_rest = {name: scored.truth == code for code, name in enumerate(classes) if confusion[code].any()}
    curves = {name: ranked(truth, scored.probabilities[:, classes.index(name)]) for name, truth in one_vs_rest.items()}
    precisions = {name: average for name, (average, _) in curves.items()}
    prevalence = {name: float(truth.mean()) for name, truth in one_vs_rest.items()}
    return Evaluation(
        **dict(candle_metrics(confusion, labels, precisions)),
        label_set_hash=label_set_hash(cases),
        series=sum(bool(case.scored().any()) for case in cases),
        candles=len(scored.time),
        insufficient=sum(int(case.reviewed().sum()) for case in cases) - len(scored.time),
        spans_left_out=_left_out(cases, shown),
        thresholds=dict(thresholds),
        spans=span_metrics(shown, labels[1:], options.headline_iou, options.point_tolerance, options.iou),
        baselines=baselines(confusion.sum(axis=1), labels, priors, prevalence),
        intervals=_intervals(cases, scored, compared, options, seed),
        calibration=calibration(scored.probabilities, scored.truth),
        curves={name: curve for name, (_, curve) in curves.items()},
        mistakes=worst_mistakes(cases, shown, compared, options.mistakes),
        notes=tuple(_notes(cases, shown, labels, len(classes), len(scored.time))),
    )


def _check(cases: Sequence[SeriesCase], classes: tuple[str, ...]) -> None:
    if len(classes) < 2 or classes[0] != NO_PATTERN or len(set(classes)) < len(classes):
        raise DataError.at("classes", str(list(classes)), f"{NO_PATTERN} first, then at least one pattern, each once")
    seen = set()
    for case in cases:
        if case.prediction.classes != classes:
            found = f"a prediction of the classes {list(case.prediction.classes)}"
            raise DataError.at(f"{case.candles.key}: evaluation", found, f"predict {list(classes)}")
        if case.candles.key in seen:
            raise DataError.at(f"{case.candles.key}: evaluation", "the series a second time", "one case a series")
        seen.add(case.candles.key)


def _left_out(cases: Sequence[SeriesCase], shown: Sequence[SeriesSpans]) -> int:
    """True spans that touch reviewed candles and are not scored."""
    reviewed = [case.reviewed() for case in cases]
    return sum(
        not span.scored and bool(inside[span.first : span.last + 1].any())
        for inside, spans in zip(reviewed, shown, strict=True)
        for span in spans.truth
    )


def _intervals(
    cases: Sequence[SeriesCase],
    scored: ScoredCandles,
    compared: Sequence[SpanComparison],
    options: EvaluationOptions,
    seed: int,
) -> Intervals:
    starts = time_blocks(scored.time, options.bootstrap_blocks)
    candles = candle_counts(starts, scored)
    spans = span_counts(starts, scored.labels, cases, compared)
    return Intervals(
        f1_macro=f1_interval(candles, "macro", options.bootstrap_resamples, seed),
        span_f1_macro=f1_interval(spans, "macro", options.bootstrap_resamples, seed),
        span_f1_micro=f1_interval(spans, "micro", options.bootstrap_resamples, seed),
    )


def _notes(
    cases: Sequence[SeriesCase], shown: Sequence[SeriesSpans], labels: tuple[str, ...], classes: int, candles: int
) -> Iterator[str]:
    """What a reader of the numbers must know."""
    if not candles:
        yield "no candle could be scored: none was reviewed with sufficient history before it; every score is 0"
    if labels[classes:]:
        yield f"annotated, but unknown to the model (always missed): {', '.join(labels[classes:])}"
    true = {span.label for spans in shown for span in spans.truth if span.scored}
    absent = [label for label in labels[1:classes] if label not in true]
    if absent:
        yield f"no true span to score by: {', '.join(absent)}"
    left_out = _left_out(cases, shown)
    if left_out:
        yield f"{left_out} true spans reach out of the scored candles and are neither found nor missed"
