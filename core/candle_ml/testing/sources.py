"""What the core relies on in an annotation source."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from candle_ml.annotations import Annotation, Ingest, RejectedRow, ReviewedRange
from candle_ml.candles import Candles, bad_rows
from candle_ml.components import AnnotationSource, Component, Options, SourceContext
from candle_ml.errors import DataError
from candle_ml.testing.examples import example_annotations, example_series
from candle_ml.testing.promises import ContractError, Promise, require

_TYPES = {
    "candles": Candles,
    "annotations": Annotation,
    "reviewed": ReviewedRange,
    "rejected": RejectedRow,
    "notes": str,
}


class Subject:
    """A source, the project folder that it reads from, and what sources before it have read."""

    def __init__(self, component: Component, options: Options, root: Path | None) -> None:
        self._component = component
        self._options = options
        self.root = root

    def build(self) -> AnnotationSource:
        """A fresh source."""
        built: AnnotationSource = self._component.build(self._options)
        return built

    @cached_property
    def known(self) -> Ingest:
        """Three series, one of them annotated."""
        series = tuple(candles.detached() for candles in example_series(300))
        annotations, reviewed = example_annotations(series[0])
        return Ingest(candles=series, annotations=annotations, reviewed=reviewed)

    @cached_property
    def ingest(self) -> Ingest:
        """What the source reads for several checks."""
        return self.read(self.build())

    def read(self, source: AnnotationSource) -> Ingest:
        """What a source reads; without a project folder from an empty one, where finding nothing may be an error."""
        if self.root is not None:
            return source.read(SourceContext(self.root, self.known))
        with tempfile.TemporaryDirectory() as folder:
            try:
                return source.read(SourceContext(Path(folder), self.known))
            except DataError:
                return Ingest()


def check_reads_typed_values(subject: Subject) -> None:
    """`read` gives an `Ingest` whose parts are tuples of their types, and label colours by label."""
    require(isinstance(subject.ingest, Ingest), f"read gives {subject.ingest!r}")
    for name, expected in _TYPES.items():
        part = getattr(subject.ingest, name)
        require(isinstance(part, tuple), f"{name} is a {type(part).__name__}")
        odd = [item for item in part if not isinstance(item, expected)]
        require(not odd, f"{name} holds {odd[:1]!r}")
    colors = subject.ingest.label_colors.items()
    require(all(isinstance(label, str) and isinstance(color, str) for label, color in colors), f"colours {colors!r}")


def check_candles_are_good(subject: Subject) -> None:
    """Candles are one set a series, sorted by time, without a bad row; bad rows of the input are rejected instead."""
    keys = [candles.key for candles in subject.ingest.candles]
    require(len(keys) == len(set(keys)), f"a series twice: {', '.join(map(str, keys))}")
    for candles in subject.ingest.candles:
        columns = candles.time, candles.open, candles.high, candles.low, candles.close, candles.volume
        require(not bad_rows(*columns), f"{candles.key}: {bad_rows(*columns)[:1]}")
        require(bool((np.diff(candles.time) > 0).all()), f"{candles.key}: times do not increase")


def check_annotations_have_ids_of_their_own(subject: Subject) -> None:
    """Annotation ids are namespaced (`span:7`), and unique within a series."""
    ids = [f"{item.series}: {item.id}" for item in subject.ingest.annotations]
    twice = sorted(name for name, count in Counter(ids).items() if count > 1)
    require(not twice, f"ids twice: {', '.join(twice[:3])}")
    bare = [item.id for item in subject.ingest.annotations if not all(item.id.partition(":"))]
    require(not bare, f"ids without a namespace: {', '.join(bare[:3])}")


def check_repeats_nothing_that_is_known(subject: Subject) -> None:
    """What the sources before have read is not given once more."""
    for name in ("candles", "annotations", "reviewed"):
        known = {id(item) for item in getattr(subject.known, name)}
        require(not any(id(item) in known for item in getattr(subject.ingest, name)), f"{name} that are known already")


def check_reads_the_same_again(subject: Subject) -> None:
    """The same folder gives the same content in the same order, from the same source and from one built anew."""
    source = subject.build()
    for again in (subject.read(source), subject.read(source)):
        require(_same(again, subject.ingest), "read again, the content differs")


def check_writes_nothing(subject: Subject) -> None:
    """Reading leaves the project folder as it was, but for what is kept in `.candle-ml`."""
    if subject.root is not None:
        before = _listing(subject.root)
        subject.read(subject.build())
        require(_listing(subject.root) == before, "the project folder has changed")


def check_says_what_is_missing(subject: Subject) -> None:
    """In an empty project folder a source finds nothing, or says so by a `DataError`; nothing else is raised."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            subject.build().read(SourceContext(Path(folder)))
        except DataError as error:
            found = str(error)
            require(bool(found.strip()), "a DataError without a message")
        except Exception as error:
            raise ContractError.at("", f"raised {type(error).__name__}: {error}") from error


def _same(one: Any, other: Any) -> bool:
    """Deep equality, arrays included."""
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and bool(np.array_equal(one, other))
    if isinstance(one, Ingest | Candles):
        return type(one) is type(other) and all(
            _same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)
        )
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _listing(root: Path) -> list[tuple[str, int, int]]:
    paths = sorted(path for path in root.rglob("*") if path.is_file() and ".candle-ml" not in path.parts)
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


CHECKS: tuple[Promise, ...] = (
    check_reads_typed_values,
    check_candles_are_good,
    check_annotations_have_ids_of_their_own,
    check_repeats_nothing_that_is_known,
    check_reads_the_same_again,
    check_writes_nothing,
    check_says_what_is_missing,
)
