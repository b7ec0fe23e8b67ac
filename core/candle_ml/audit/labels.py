"""Whether labels say when they are known, stay where somebody looked, and leave the features alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation, ReviewedRange
from candle_ml.audit.results import AuditRow, row
from candle_ml.components import LabelEncoder, Progress
from candle_ml.dataset import Dataset, SeriesData, content_hash, iso_time
from candle_ml.features import window_features
from candle_ml.inference import Recipe
from candle_ml.scores import Samples

KNOWN_WHEN_SAID = "a label is known when it says"
WHERE_REVIEWED = "negatives only where somebody looked"
FEATURES_KNOW_NO_LABEL = "features know no label"

_MOST_WINDOWS = 4000
_CANDLES_MOVED = 3

Identity = tuple[int, int, tuple[str, ...]]


def known_row(name: str, encoder: LabelEncoder, dataset: Dataset, progress: Progress) -> AuditRow:
    """Withhold everything after the `known_at` of a pattern's sample: the sample must still be made, as it was.

    No sample at all may say that it is known before its window ends.
    """
    poked = [(data, sample) for data in dataset.series.values() for sample in _suspects(encoder, data)]
    late, first = 0, ""
    for number, (data, sample) in enumerate(poked):
        progress(f"auditing {name}", number, len(poked))
        found = _known_too_late(encoder, data, sample)
        late += bool(found)
        first = first or found
    told = f"{first}; {late} of {len(poked)} samples" if first else ""
    return row(KNOWN_WHEN_SAID, name, len(poked), "samples", told)


def _suspects(encoder: LabelEncoder, data: SeriesData) -> list[Samples]:
    """Samples that say a pattern, or that they are known before their window ends, one by one."""
    samples = encoder.encode(data.candles, data.annotations, data.reviewed).samples
    early = samples.known_at < data.candles.time[samples.last]
    rows = np.flatnonzero(_says_pattern(samples) | early)
    return [samples.take(np.array([number])) for number in rows]


def _says_pattern(samples: Samples) -> NDArray[np.bool_]:
    """Whether each sample says a pattern anywhere."""
    return np.asarray((_codes(samples) > 0).any(axis=1))


def _codes(samples: Samples) -> NDArray[np.int32]:
    """One row of codes a sample, whatever its kind."""
    return samples.codes[:, np.newaxis] if samples.kind == "window" else samples.codes


def _known_too_late(encoder: LabelEncoder, data: SeriesData, sample: Samples) -> str:
    """What is wrong with the `known_at` of one sample, if anything."""
    known_at, candles = int(sample.known_at[0]), data.candles
    where = f"the sample of candles {sample.first[0]} to {sample.last[0]} of {candles.key}"
    said = f"{where} says it is known at {iso_time(known_at)}"
    if known_at < candles.time[sample.last[0]]:
        return f"{said}, before its last candle opens at {iso_time(int(candles.time[sample.last[0]]))}"
    until = known_at
    known = candles[: int(np.searchsorted(candles.time, until, side="right"))]
    then = encoder.encode(known, _ended(data.annotations, until), _looked_at(data.reviewed, until)).samples
    if identities(sample)[0] not in identities(then):
        return f"{said}, but is not made from what had happened then"
    return ""


def _ended(annotations: tuple[Annotation, ...], until: int) -> list[Annotation]:
    return [annotation for annotation in annotations if annotation.end_time <= until]


def _looked_at(reviewed: tuple[ReviewedRange, ...], until: int) -> list[ReviewedRange]:
    """The reviewed ranges up to a time."""
    return [replace(item, end_time=min(item.end_time, until)) for item in reviewed if item.start_time <= until]


def identities(samples: Samples) -> list[Identity]:
    """Candles and class names of each sample."""
    names = (*samples.classes, "")
    labels = [tuple(names[code] for code in codes) for codes in _codes(samples).tolist()]
    return list(zip(samples.first.tolist(), samples.last.tolist(), labels, strict=True))


def negatives_row(name: str, encoder: LabelEncoder, dataset: Dataset) -> AuditRow:
    """No sample says "no pattern" of a candle that nobody looked at, unless an annotation there says so."""
    looked_at, wrong, first = 0, 0, ""
    for data in dataset.series.values():
        for reviewed in (data.reviewed, ()):
            negatives = _unbacked(encoder.encode(data.candles, data.annotations, reviewed).samples, data)
            outside = ~_inside(negatives, data, reviewed)
            looked_at += len(negatives)
            wrong += int(outside.sum())
            if outside.any() and not first:
                number = int(np.flatnonzero(outside)[0])
                candles = f"candles {negatives.first[number]} to {negatives.last[number]} of {data.candles.key}"
                first = f"{candles} count as no pattern, but nobody looked at all of them"
    return row(WHERE_REVIEWED, name, looked_at, "samples", f"{first}; {wrong} of {looked_at} samples" if first else "")


def _unbacked(samples: Samples, data: SeriesData) -> Samples:
    """The samples that say "no pattern", but for those whose annotation lies on them and says what they say."""
    says_none = (_codes(samples) == 0).any(axis=1)
    return samples.take(says_none & ~_annotated(samples, data))


def _annotated(samples: Samples, data: SeriesData) -> NDArray[np.bool_]:
    """Whether the annotation that a sample names lies on its window, and is a pattern exactly where the sample is."""
    by_id = {one.id: one for one in data.annotations}
    patterns = _says_pattern(samples)
    start, end = data.candles.time[samples.first], data.candles.time[samples.last]
    found = np.zeros(len(samples), dtype=bool)
    for number in np.flatnonzero(samples.annotation >= 0).tolist():
        one = by_id.get(samples.annotation_ids[samples.annotation[number]])
        if one is not None and one.start_time <= end[number] and one.end_time >= start[number]:
            found[number] = (one.label != NO_PATTERN) == patterns[number]
    return found


def _inside(samples: Samples, data: SeriesData, reviewed: tuple[ReviewedRange, ...]) -> NDArray[np.bool_]:
    """The samples whose every candle lies in some reviewed range."""
    seen = np.zeros(len(data.candles) + 1, dtype=np.int64)
    for item in reviewed:
        first, last = data.candles.index_range(item.start_time, item.end_time)
        seen[first + 1 : last + 2] = 1
    total = np.cumsum(seen)
    return np.asarray(total[samples.last + 1] - total[samples.first] == samples.last - samples.first + 1)


def independent_row(build: Callable[[], Recipe], dataset: Dataset) -> AuditRow:
    """Take annotations away, move them and exchange their labels: no feature may change by a bit.

    They are away first, because what one plugin has once told another may stay.
    """
    recipe = build()
    columns = recipe.plan.candle_columns + recipe.plan.window_columns
    before = list(_features(build(), _without_claims(dataset)))
    found = ""
    changed: dict[str, None] = {}
    claims = {"the annotations": dataset, "where they lie": _moved(dataset), "their labels": _relabelled(dataset)}
    for what, claimed in claims.items():
        own = _changed(columns, before, _features(build(), claimed))
        found = found or (f"{', '.join(list(own)[:3])} changed with {what}" if own else "")
        changed |= own
    subject = ", ".join(_owners(recipe, changed)) or "features"
    return row(FEATURES_KNOW_NO_LABEL, subject, len(columns), "features", found)


def _changed(
    columns: tuple[str, ...], before: list[NDArray[np.float32]], after: Iterator[NDArray[np.float32]]
) -> dict[str, None]:
    """The columns that differ anywhere."""
    changed: dict[str, None] = {}
    for old, new in zip(before, after, strict=True):
        equal = (old == new) | (np.isnan(old) & np.isnan(new))
        changed |= dict.fromkeys(columns[column] for column in np.flatnonzero(~equal.all(axis=0)))
    return changed


def _owners(recipe: Recipe, columns: dict[str, None]) -> Iterator[str]:
    """The extractors that some of the columns come from."""
    plan = recipe.plan
    owners = [(one.name, one.extractor.columns) for one in plan.candle_extractors]
    owners += [(one.name, one.extractor.columns) for one in plan.window_extractors]
    for name, own in owners:
        if not columns.keys().isdisjoint(own):
            yield name


def _features(recipe: Recipe, dataset: Dataset) -> Iterator[NDArray[np.float32]]:
    """Candle features of the last candle of candidate windows beside their window features, by series.

    The encoder is told all that it is told in a training. At most 4,000 windows of a series are taken, evenly spread.
    """
    for data in dataset.series.values():
        recipe.encoder.encode(data.candles, data.annotations, data.reviewed)
        recipe.encoder.truth(data.candles, data.annotations)
    for data in dataset.series.values():
        samples = recipe.encoder.candidates(data.candles)
        samples = samples.take(np.unique(np.linspace(0, len(samples) - 1, _MOST_WINDOWS).astype(np.int64)))
        labelled = recipe.encoder.label(samples, data.candles, data.annotations)
        matrix = recipe.features(data.candles).matrix[labelled.last]
        windows = window_features(recipe.plan, data.candles, labelled.first, labelled.last)
        yield np.concatenate((matrix, windows), axis=1)


def _without_claims(dataset: Dataset) -> Dataset:
    """The same candles, on which nobody has looked at anything."""
    return _with(dataset, lambda data: replace(data, annotations=(), reviewed=()))


def _moved(dataset: Dataset) -> Dataset:
    """The same annotations, each a few candles later."""

    def later(data: SeriesData) -> SeriesData:
        by = _CANDLES_MOVED * data.candles.key.seconds
        moved = (replace(one, start_time=one.start_time + by, end_time=one.end_time + by) for one in data.annotations)
        return replace(data, annotations=tuple(moved))

    return _with(dataset, later)


def _relabelled(dataset: Dataset) -> Dataset:
    """The same annotations, each with the label of the next of its series."""

    def exchanged(data: SeriesData) -> SeriesData:
        labels = [annotation.label for annotation in data.annotations]
        pairs = zip(data.annotations, labels[1:] + labels[:1], strict=True)
        return replace(data, annotations=tuple(replace(one, label=label) for one, label in pairs))

    return _with(dataset, exchanged)


def _with(dataset: Dataset, change: Callable[[SeriesData], SeriesData]) -> Dataset:
    series = {key: change(data) for key, data in dataset.series.items()}
    return replace(dataset, series=series, hash=content_hash(series))
