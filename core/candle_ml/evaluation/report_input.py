"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from candle_ml.annotations import RejectedRow
from candle_ml.evaluation.cases import SeriesCase
from candle_ml.evaluation.results import Evaluation


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """A block of time: from the open of its first candle to `end_time` (Unix seconds UTC), and what it holds."""

    name: str
    start_time: int
    end_time: int
    samples: int
    annotations: int


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """The share of a feature column in the model's decisions."""

    column: str
    share: float


@dataclass(frozen=True, slots=True)
class RemovedSamples:
    """How many samples a rule removed: `stage` did it, `rule` says why."""

    stage: str
    rule: str
    samples: int


@dataclass(frozen=True, slots=True)
class FoldScore:
    """What the model of one fold scored between two times (Unix seconds UTC); None where nothing could be scored."""

    number: int
    start_time: int
    end_time: int
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInput:
    """Everything that a report tells.

    `evaluation` is None where none was made; `cases` are those it was made of (their candles are drawn).
    `scores_of` says which model the scores belong to, `audit` what the search for leaks has found. `warnings` matter to
    whether the scores can be believed, `notes` are good to know. `versions` are those of Python, packages and plugins.
    Times are Unix seconds UTC.
    """

    title: str
    model: str
    created_at: int
    config_hash: str
    data_hash: str
    pipeline_yaml: str
    evaluation: Evaluation | None
    cases: tuple[SeriesCase, ...] = ()
    model_version: str | None = None
    run_id: str | None = None
    scores_of: str = "the model that is served"
    audit: str | None = None
    blocks: tuple[ReportBlock, ...] = ()
    folds: tuple[FoldScore, ...] = ()
    importance: tuple[FeatureShare, ...] = ()
    removed: tuple[RemovedSamples, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    label_colors: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
