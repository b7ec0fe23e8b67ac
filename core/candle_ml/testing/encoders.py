"""What the core relies on in a label encoder, when it encodes."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation, ReviewedRange
from candle_ml.candles import Candles
from candle_ml.components import Component, Encoded, LabelEncoder, Options
from candle_ml.scores import UNLABELLED, DecodeParams, Samples
from candle_ml.testing.examples import LABELS, example_annotations, example_candles
from candle_ml.testing.promises import Promise, require, require_same, require_type

_COLUMNS = {
    "series_code": np.int32,
    "first": np.int64,
    "last": np.int64,
    "scale": np.int32,
    "known_at": np.int64,
    "codes": np.int32,
    "weight": np.float32,
    "annotation": np.int64,
    "span_length": np.int64,
}


class Subject:
    """An encoder and an annotated example series."""

    def __init__(self, component: Component, options: Options) -> None:
        self._component = component
        self._options = options

    def build(self) -> LabelEncoder:
        """A fresh encoder."""
        built: LabelEncoder = self._component.build(self._options)
        return built

    @cached_property
    def encoder(self) -> LabelEncoder:
        """One encoder for several checks."""
        return self.build()

    @cached_property
    def candles(self) -> Candles:
        """A series of many windows, which nobody can write into."""
        return example_candles(max(600, 8 * self.encoder.longest_window)).detached()

    @cached_property
    def claims(self) -> tuple[tuple[Annotation, ...], tuple[ReviewedRange, ...]]:
        """Annotations and reviewed ranges of the series."""
        return example_annotations(self.candles)

    @cached_property
    def encoded(self) -> Encoded:
        """The training samples of the series."""
        return self.encoder.encode(self.candles, *self.claims)

    @property
    def params(self) -> DecodeParams:
        """Thresholds and typical lengths as training would find them."""
        return DecodeParams(dict.fromkeys(LABELS, 0.5), {LABELS[0]: 8, LABELS[1]: 13})


def check_declares_itself(subject: Subject) -> None:
    """`kind`, `width`, `longest_window`, `reach` and `delay` are known before any candle is read."""
    encoder = subject.encoder
    require(encoder.kind in ("window", "sequence"), f"kind is {encoder.kind!r}")
    reach, delay = encoder.reach(subject.params), encoder.delay(subject.params)
    for name, value, least in (
        ("width", encoder.width, 1),
        ("longest_window", encoder.longest_window, 1),
        ("reach", reach, 0),
        ("delay", delay, 0),
    ):
        require_type(value, name, int)
        require(value >= least, f"{name} is {value}")


def check_encodes_well_formed_samples(subject: Subject) -> None:
    """Training samples are labelled windows of this series with columns of the right types, lengths and ranges."""
    samples = subject.encoded.samples
    _require_form(subject, samples)
    require(len(samples) > 0, "no sample from annotations of two labels")
    known = set(samples.classes) - {NO_PATTERN} <= set(LABELS)
    require(known and {*samples.codes.ravel().tolist()} > {0}, f"classes {samples.classes!r} of labels {LABELS!r}")
    require(bool((_steps(samples) >= 0).any(axis=1).all()), "a sample without any label")


def check_scans_well_formed_candidates(subject: Subject) -> None:
    """Candidates are unlabelled windows, ordered by `last`, then `scale`, and reach the last candle."""
    samples = subject.encoder.candidates(subject.candles)
    _require_form(subject, samples)
    require(bool((samples.codes == UNLABELLED).all()), "a candidate with a label")
    order = np.lexsort((samples.scale, samples.last))
    require(bool((order == np.arange(len(samples))).all()), "candidates out of order")
    require(int(samples.last[-1]) == len(subject.candles) - 1, f"the last window ends at candle {samples.last[-1]}")


def check_knows_nothing_before_it_happened(subject: Subject) -> None:
    """`known_at` is the open of a candle, of the window's last or of a later one."""
    encoder, candles = subject.encoder, subject.candles
    candidates = encoder.candidates(candles)
    for samples in (subject.encoded.samples, candidates, encoder.label(candidates, candles, subject.claims[0])):
        require(bool((samples.known_at >= candles.time[samples.last]).all()), "known_at before the last candle")
        require(bool(np.isin(samples.known_at, candles.time).all()), "known_at at which no candle opens")


def check_takes_negatives_where_somebody_looked(subject: Subject) -> None:
    """A sample without pattern and annotation lies wholly in reviewed ranges; without any there is no such sample."""
    seen = np.zeros(len(subject.candles), dtype=bool)
    for item in subject.claims[1]:
        first, last = subject.candles.index_range(item.start_time, item.end_time)
        seen[first : last + 1] = True
    for window in _negatives(subject.encoded.samples):
        require(bool(seen[window].all()), f"a negative at candles {window.start} to {window.stop - 1}, not reviewed")
    unseen = subject.encoder.encode(subject.candles, subject.claims[0], ()).samples
    require(not _negatives(unseen), "a negative although nothing was reviewed")


def check_learns_from_what_it_believes(subject: Subject) -> None:
    """`truth` sorts the given annotations into believed and doubtful ones; only believed ones have samples."""
    given, truth = subject.claims[0], subject.encoder.truth(subject.candles, subject.claims[0])
    believed, doubtful = {item.id for item in truth.believed}, {item.id for item in truth.doubtful}
    require(bool(believed), "no annotation is believed")
    require(set(truth.believed) | set(truth.doubtful) <= set(given), "an annotation that was not given")
    require(len(truth.believed) == len(believed) and not believed & doubtful, "an annotation twice")
    samples = subject.encoded.samples
    used = {samples.annotation_ids[number] for number in samples.annotation[samples.annotation >= 0].tolist()}
    require(used <= believed, f"samples of annotations that are not believed: {', '.join(sorted(used - believed)[:3])}")


def check_is_deterministic(subject: Subject) -> None:
    """The same input gives the same samples, from the same encoder and from one built anew."""
    for encoder in (subject.encoder, subject.build()):
        again = encoder.encode(subject.candles, *subject.claims)
        _require_same_samples(again.samples, subject.encoded.samples, tuple(_COLUMNS))
        require(again.left_out == subject.encoded.left_out, f"left out {again.left_out}")


def check_counts_what_it_leaves_out(subject: Subject) -> None:
    """`left_out` counts by rule: names with whole numbers, none negative."""
    for rule, count in subject.encoded.left_out.items():
        require_type(rule, "rule", str)
        require_type(count, f"count of {rule!r}", int)
        require(count >= 0, f"{rule}: {count}")


def check_candidates_depend_on_their_window_alone(subject: Subject) -> None:
    """Fewer candles before or after give the same windows where they fit: serving sees what training saw."""
    whole, count = subject.encoder.candidates(subject.candles), len(subject.candles)
    for start, end in ((0, count - 1), (0, count // 2), (1, count), (count // 3, count), (7, count - 5)):
        part = subject.encoder.candidates(subject.candles[start:end].detached())
        inside = whole.take((whole.first >= start) & (whole.last < end))
        moved = inside.replace(first=inside.first - start, last=inside.last - start)
        _require_same_samples(part, moved, ("first", "last", "scale", "known_at"))


def check_takes_short_series(subject: Subject) -> None:
    """No candle, or one too few for any window, gives no candidate."""
    empty = subject.encoder.candidates(subject.candles[:0])
    require(len(empty) == 0, f"{len(empty)} candidates of no candle")
    encoded = subject.encoder.encode(subject.candles[:0], (), ())
    require(len(encoded.samples) == 0, f"{len(encoded.samples)} samples of no candle")


def check_labels_the_windows_it_is_given(subject: Subject) -> None:
    """`label` keeps the windows and their order, and a window's label does not depend on the windows beside it."""
    encoder, candles, annotations = subject.encoder, subject.candles, subject.claims[0]
    candidates = encoder.candidates(candles)
    labelled = encoder.label(candidates, candles, annotations)
    _require_form(subject, labelled)
    _require_same_samples(labelled, candidates, ("first", "last", "scale"))
    require(bool((labelled.codes > 0).any()), "no window of a pattern among all candidates")
    rows = np.arange(len(candidates)) % 7 == 3
    part = encoder.label(candidates.take(rows), candles, annotations)
    require(part.classes == labelled.classes, f"classes {part.classes!r} of some windows")
    _require_same_samples(part, labelled.take(rows), ("first", "last", "codes", "annotation", "span_length"))


def _require_form(subject: Subject, samples: Samples) -> None:
    require(samples.kind == subject.encoder.kind, f"kind {samples.kind!r}")
    require(samples.width == subject.encoder.width, f"width {samples.width}")
    require(samples.series == (subject.candles.key,), f"series {samples.series!r}")
    require(samples.classes[:1] == (NO_PATTERN,), f"classes {samples.classes!r}")
    require(len(set(samples.classes)) == len(samples.classes), f"classes {samples.classes!r}")
    for name, dtype in _COLUMNS.items():
        column = getattr(samples, name)
        shape = (len(samples), samples.width) if name == "codes" and samples.kind == "sequence" else (len(samples),)
        require(column.dtype == dtype, f"{name} is {column.dtype}")
        require(column.shape == shape, f"{name} has shape {column.shape} instead of {shape}")
    _require_ranges(subject, samples)


def _require_ranges(subject: Subject, samples: Samples) -> None:
    length = samples.last - samples.first + 1
    limits: tuple[tuple[str, NDArray[np.bool_]], ...] = (
        ("windows outside the series", (samples.first >= 0) & (samples.last < len(subject.candles))),
        ("windows longer than longest_window", (length >= 1) & (length <= subject.encoder.longest_window)),
        ("series codes but 0", samples.series_code == 0),
        ("codes without a class", (samples.codes >= UNLABELLED) & (samples.codes < len(samples.classes))),
        ("weights below 0 or not finite", np.isfinite(samples.weight) & (samples.weight >= 0)),
        ("annotations without an id", (samples.annotation >= -1) & (samples.annotation < len(samples.annotation_ids))),
        ("span lengths below 0", samples.span_length >= 0),
    )
    for found, good in limits:
        require(bool(good.all()), found)


def _require_same_samples(found: Samples, expected: Samples, columns: tuple[str, ...]) -> None:
    for name in columns:
        require_same(getattr(found, name), getattr(expected, name), name)


def _steps(samples: Samples) -> NDArray[np.int32]:
    return samples.codes if samples.codes.ndim == 2 else samples.codes[:, np.newaxis]


def _negatives(samples: Samples) -> list[slice]:
    """The windows that say "no pattern" without an annotation that does."""
    rows = (_steps(samples) == 0).any(axis=1) & (samples.annotation < 0)
    return [slice(first, last + 1) for first, last in zip(samples.first[rows], samples.last[rows], strict=True)]


CHECKS: tuple[Promise, ...] = (
    check_declares_itself,
    check_encodes_well_formed_samples,
    check_scans_well_formed_candidates,
    check_knows_nothing_before_it_happened,
    check_takes_negatives_where_somebody_looked,
    check_learns_from_what_it_believes,
    check_is_deterministic,
    check_counts_what_it_leaves_out,
    check_candidates_depend_on_their_window_alone,
    check_takes_short_series,
    check_labels_the_windows_it_is_given,
)
