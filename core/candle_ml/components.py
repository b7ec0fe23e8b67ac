"""What a plugin yields (component records) and what the objects they build promise (protocols)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from candle_ml.annotations import Annotation, Ingest, ReviewedRange
from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import Problem
from candle_ml.predictions import Prediction
from candle_ml.scores import DecodeParams, SampleKind, Samples, Scores

if TYPE_CHECKING:
    from distributed import Client

ComponentKind = Literal["annotation-source", "feature-extractor", "label-encoder", "model-trainer"]
MatrixLayout = Literal["flat", "sequence"]
Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done and how much there is."""
Keep: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""Called with a column of candles; returns the same values, maybe kept elsewhere."""


class Options(BaseModel):
    """Base of every component's options: defaults for all, unknown keys refused, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def settled(self, lengths: Sequence[int]) -> Self:
        """The same options, with numbers where they leave something to the patterns that are trained on.

        `lengths` are those of these patterns, in candles; there may be none.
        """
        return self


class NoOptions(Options):
    """For a component without options."""


def lazy(reference: str) -> Callable[..., Any]:
    """A callable that imports `module:name` when it is first called, so that `plugin.py` imports nothing heavy."""
    module, _, name = reference.partition(":")

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(module), name)(*args, **kwargs)

    return call


def no_progress(what: str, done: int, total: int) -> None:
    """A `Progress` that shows nothing."""


def as_it_is(column: NDArray[Any]) -> NDArray[Any]:
    """A `Keep` that holds everything in memory."""
    return column


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source is given: the folder that relative paths start from, and what the sources before it have read.

    A source that reads many series hands each column of candles to `keep` when it has it, and holds what that returns:
    what would take too much memory is kept in a file.
    """

    root: Path
    known: Ingest = field(default_factory=Ingest)
    progress: Progress = no_progress
    keep: Keep = as_it_is


class AnnotationSource(Protocol):
    """Reads candles, annotations, reviewed ranges, or several of these."""

    def read(self, context: SourceContext) -> Ingest:
        """Everything this source has; nothing of `context.known` is repeated. Raises `DataError`."""
        ...


class SeriesSource(AnnotationSource, Protocol):
    """Reads the candles of one series, in any process; `paths` are the files they stand in."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is read."""
        ...


class DividedSource(AnnotationSource, Protocol):
    """A source that can be read one series at a time."""

    def by_series(self, root: Path) -> tuple[Mapping[SeriesKey, SeriesSource], Sequence[Problem]]:
        """What reads each series, and what is wrong with files that belong to none.

        `root` is the folder that relative paths start from. Raises `DataError` where there is nothing to read.
        """
        ...


class CandleFeatures(Protocol):
    """Features of each candle, computed from it and the candles before it."""

    scope: Literal["candle"]
    columns: tuple[str, ...]
    lookback: int
    needs_volume: bool

    def extract(self, candles: Candles) -> NDArray[np.float32]:
        """`(n_candles, n_columns)`; the first `lookback` rows are NaN, all later ones finite. Causal."""
        ...


class WindowFeatures(Protocol):
    """Features of whole windows, computed from the candles `[first - lookback, last]`."""

    scope: Literal["window"]
    columns: tuple[str, ...]
    lookback: int
    needs_volume: bool

    def extract(self, candles: Candles, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        """`(n_windows, n_columns)`, finite wherever `first >= lookback`. Reads no candle after `last`."""
        ...


FeatureExtractor: TypeAlias = CandleFeatures | WindowFeatures


class LabelEncoder(Protocol):
    """Turns annotations into labelled samples, and scores back into a prediction.

    `longest_window` is the longest window in candles. `reach` is how many candles before a candle's own windows the
    decoder looks at to decide about it; `delay` how many candles after a candle can still change what is said of it.
    """

    kind: SampleKind
    width: int
    longest_window: int

    def reach(self, params: DecodeParams) -> int:
        """Candles before a candle, beyond the windows that cover it, that the decoder needs."""
        ...

    def delay(self, params: DecodeParams) -> int:
        """Candles after a candle until its prediction is final."""
        ...

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """Labelled training samples of one series; negatives from `reviewed` ranges and `O` annotations only."""
        ...

    def candidates(self, candles: Candles) -> Samples:
        """Every window that inference scans, unlabelled, ordered by `last`, then `scale`."""
        ...

    def truth(self, candles: Candles, annotations: Sequence[Annotation]) -> Truth:
        """Which annotations of one series count: what `encode` learns from, and what predictions are scored by."""
        ...

    def label(self, samples: Samples, candles: Candles, annotations: Sequence[Annotation]) -> Samples:
        """The same candidates with true classes; -1 where a window is neither a pattern nor clearly none."""
        ...

    def decode(self, candles: Candles, samples: Samples, scores: Scores, params: DecodeParams) -> Prediction:
        """Per-candle probabilities and surviving spans from the scores of this series' candidates.

        `samples` may lack candidates (those without enough history). A candle is `sufficient` where every candidate
        that could decide about it was given. Nothing depends on `params.thresholds` but what a decoder documents.
        """
        ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """Samples of one series and how many annotations or windows each rule left out (`too long`, `unlabelled`, ...)."""

    samples: Samples
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Truth:
    """The annotations that count, the most believed first; candles that only `doubtful` ones lie on are not scored."""

    believed: tuple[Annotation, ...]
    doubtful: tuple[Annotation, ...] = ()


class SampleMatrix(Protocol):
    """The lazy matrix of a set of samples: `(n, k)` for layout `flat`, `(n, T, k)` for `sequence`; `float32`.

    `codes` and `weights` are those of the samples; `columns` names the last axis.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.float32]
    columns: tuple[str, ...]
    codes: NDArray[np.int32]
    weights: NDArray[np.float32]

    def batches(self, rows: int) -> Iterator[NDArray[np.float32]]:
        """C-contiguous blocks of at most `rows` samples, in order."""
        ...

    def dense(self) -> NDArray[np.float32]:
        """The whole matrix as one C-contiguous array."""
        ...

    def take(self, rows: slice) -> SampleMatrix:
        """The matrix of these samples, with nothing that only others need; picklable, to be sent to a worker."""
        ...


@dataclass(frozen=True, slots=True)
class FitContext:
    """What a trainer is told beside the data: class names by code, the seed, how many threads, where to report.

    `cluster` opens a client of the configured Dask cluster; None where there is none, or where this is a part of its
    work already.
    """

    classes: tuple[str, ...]
    seed: int
    threads: int = 1
    progress: Progress = no_progress
    cluster: Callable[[], AbstractContextManager[Client]] | None = None


class Model(Protocol):
    """A fitted model."""

    classes: tuple[str, ...]

    def predict_proba(self, matrix: SampleMatrix) -> NDArray[np.float64]:
        """`(n, classes)`, or `(n, T, classes)` for kind `sequence`; rows sum to 1. Safe from several threads.

        The matrix tells no class: its `codes` are all -1, its `weights` 1.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write files into an existing empty folder: same model, same bytes; nothing that runs code when loaded."""
        ...

    def feature_importance(self) -> NDArray[np.float64] | None:
        """One share per column of the training matrix, summing to 1; None where the model has none."""
        ...


class ModelTrainer(Protocol):
    """Fits models."""

    def fit(self, train: SampleMatrix, validation: SampleMatrix | None, context: FitContext) -> Model:
        """Fit on `train`, watching `validation` where there is one. Same input, same model. Raises `TrainingError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One thing a plugin offers: `name` is what YAML says in `use:`, `extra` the pip extra that its import needs."""

    kind: ClassVar[ComponentKind]
    name: str
    summary: str
    build: Callable[[Any], Any]
    options: type[Options] = NoOptions
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationSourceComponent(Component):
    """`build(options)` returns an `AnnotationSource`."""

    kind: ClassVar[ComponentKind] = "annotation-source"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureExtractorComponent(Component):
    """`build(options)` returns a `FeatureExtractor`."""

    kind: ClassVar[ComponentKind] = "feature-extractor"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelEncoderComponent(Component):
    """`build(options)` returns a `LabelEncoder`."""

    kind: ClassVar[ComponentKind] = "label-encoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrainerComponent(Component):
    """`build(options)` returns a `ModelTrainer`; `load(folder)` a `Model` from files whose hashes are proven.

    `kinds` are the sample kinds it can fit, `layout` the matrix it wants.
    """

    kind: ClassVar[ComponentKind] = "model-trainer"
    load: Callable[[Path], Model]
    kinds: frozenset[SampleKind] = frozenset({"window"})
    layout: MatrixLayout = "flat"
