"""What an evaluation says, as frozen values that become JSON and come back the same."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from candle_ml.errors import DataError
from candle_ml.evaluation.flat import flat_metrics

Overlap = Annotated[float, Field(gt=0.0, le=1.0)]


class Result(BaseModel):
    """Base of all results: frozen, unknown fields refused, every number finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClassScore(Result):
    """Scores of one class over candles; `support` is how many candles truly are of it. 0.0 where undefined."""

    precision: float
    recall: float
    f1_score: float
    support: int


class CandleMetrics(Result):
    """Scores over candles, one class each.

    `f1_macro` is the mean F1 of all classes that occur in the truth, `O` included: scikit-learn's macro default
    wherever no class is predicted that does not occur. `f1_macro_patterns` leaves `O` out. `f1_weighted` weights by
    support. `confusion[i][j]` counts candles of class `labels[i]` called `labels[j]`; a baseline's are expected counts.
    `average_precision` (PR-AUC, one class against the rest) holds the model's classes that occur in the truth.
    """

    labels: tuple[str, ...]
    accuracy: float
    f1_macro: float
    f1_macro_patterns: float
    f1_weighted: float
    per_class: dict[str, ClassScore]
    average_precision: dict[str, float]
    confusion: tuple[tuple[float, ...], ...]


class PrecisionRecallCurve(Result):
    """Precision over recall of one class against the rest, from the highest threshold down; at most 101 points."""

    recall: tuple[float, ...]
    precision: tuple[float, ...]


class SpanScore(Result):
    """Scores of spans; 0.0 where undefined.

    Precision is undefined where nothing was predicted, recall where nothing is true, F1 where neither is; the counts
    beside them tell a measured zero from an undefined one.
    """

    precision: float
    recall: float
    f1_score: float
    truth: int
    predicted: int
    matched: int


class MeanSpanScore(Result):
    """Means over the labels that have a true span; 0.0 where no label has."""

    precision: float
    recall: float
    f1_score: float
    labels: int


class SpanLevel(Result):
    """Span scores at one IoU: by label, their mean (`macro`) and over all spans together (`micro`)."""

    iou: float
    per_label: dict[str, SpanScore]
    macro: MeanSpanScore
    micro: SpanScore


class Spread(Result):
    """Median and 95th percentile of a number of candles."""

    median: float
    p95: float


class SpanTiming(Result):
    """Where and when matched spans were found, in candles.

    `start_error` and `end_error` are distances between the true and the predicted end; `detection_delay` runs from the
    truth's last candle to the prediction's `known_at` and is negative for a pattern called before it was complete.
    """

    matches: int
    start_error: Spread
    end_error: Spread
    detection_delay: Spread


class SpanMetrics(Result):
    """Span scores at each IoU, and the timing of the matches at `iou`: of all (None without a match) and by label."""

    iou: float
    point_tolerance: int
    levels: tuple[SpanLevel, ...]
    timing: SpanTiming | None
    timing_by_label: dict[str, SpanTiming]

    def at(self, iou: float) -> SpanLevel:
        """The scores at one of the levels. Raises `DataError` for a level that was not evaluated."""
        for level in self.levels:
            if level.iou == iou:
                return level
        levels = ", ".join(str(level.iou) for level in self.levels)
        raise DataError.at("iou", str(iou), f"one of {levels}")


class Interval(Result):
    """A block-bootstrap interval of a score."""

    low: float
    high: float
    level: float = 0.95


class Intervals(Result):
    """Intervals of the headline scores; None where there are fewer than two blocks of time."""

    f1_macro: Interval | None = None
    span_f1_macro: Interval | None = None
    span_f1_micro: Interval | None = None


class ReliabilityBin(Result):
    """Candles whose confidence falls in one bin: the mean confidence and the share that was right."""

    confidence: float
    accuracy: float
    count: int


class Calibration(Result):
    """How far a probability can be taken at its word: the reliability curve and the expected calibration error."""

    expected_calibration_error: float
    bins: tuple[ReliabilityBin, ...]


class Baselines(Result):
    """What the same candles score without looking at them.

    `majority` always says the most frequent training class; `stratified` draws from the training shares (expected
    counts, so nothing is random).
    """

    majority: CandleMetrics
    stratified: CandleMetrics


class Mistake(Result):
    """A span that was claimed wrongly or missed.

    `confidence` is that of the claim; of a missed span the highest probability the model gave its label on any of its
    candles (0.0 for a label the model does not know). `instead` is the label of an overlapping true span (for a claim)
    or of an overlapping claim (for a missed span), where there is one.
    """

    kind: Literal["false positive", "missed"]
    pair: str
    timeframe: str
    label: str
    start_time: int
    end_time: int
    confidence: float
    instead: str | None = None


class Evaluation(CandleMetrics):
    """Everything measured on one block of candles; the candle scores stand at the top.

    `label_set_hash` (SHA-256) names the truth: two evaluations can be compared where it is equal. `candles` were
    scored, `insufficient` were reviewed but had too little history; `spans_left_out` true spans touch the reviewed
    candles without lying inside the scored ones.
    """

    label_set_hash: str
    series: int
    candles: int
    insufficient: int
    spans_left_out: int
    thresholds: dict[str, float]
    spans: SpanMetrics
    baselines: Baselines
    intervals: Intervals
    calibration: Calibration | None
    curves: dict[str, PrecisionRecallCurve]
    mistakes: tuple[Mistake, ...]
    notes: tuple[str, ...]

    def flat_metrics(self) -> dict[str, float]:
        """Every score under a name that MLflow accepts, such as `f1_macro`, `f1_score/bull_flag`."""
        return flat_metrics(self)

    def to_json(self) -> str:
        """JSON text; `from_json` of it is equal to this."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote. Raises `DataError` that names the first field that is wrong."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "text"
            raise DataError.at(f"evaluation: {place}", first["msg"], "give what to_json wrote") from error


class EvaluationOptions(BaseModel):
    """How to evaluate: unknown keys refused, defaults for all."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    iou: tuple[Overlap, ...] = Field(
        (0.3, 0.5, 0.7), min_length=1, description="Shares of candles that make two spans the same pattern."
    )
    point_tolerance: int = Field(0, ge=0, description="Candles by which a one-candle pattern may be off.")
    bootstrap_resamples: int = Field(1000, ge=1, description="Resamples behind each 95 % interval.")
    bootstrap_blocks: int = Field(20, ge=2, description="Blocks of consecutive time that are drawn.")
    mistakes: int = Field(12, ge=0, description="How many of the worst mistakes of each kind to keep.")

    @property
    def headline_iou(self) -> float:
        """The level of timing, mistakes and intervals: 0.5 where it is one of `iou`, else the middle one."""
        levels = sorted(self.iou)
        return 0.5 if 0.5 in levels else levels[len(levels) // 2]
