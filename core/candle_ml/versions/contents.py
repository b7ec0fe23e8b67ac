"""What stands in the folder of a data version, and what its name is made of."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from candle_ml.bundle import Frozen
from candle_ml.candles import SeriesKey
from candle_ml.dataset import Dataset, SeriesData, content_hash
from candle_ml.errors import DataError
from candle_ml.scores import Samples
from candle_ml.versions import tables
from candle_ml.versions.sealing import Sealed, open_sealed, seal

ANNOTATIONS = "annotations.parquet"
REVIEWED = "reviewed.parquet"
REJECTED = "rejected.parquet"
SAMPLES = "samples.parquet"
CANDLES_FOLDER = "candles"
_NAME_LENGTH = 12
_LONGEST_PAIR = 60
_AGAIN = "write or check out the folder again"


class SeriesFacts(Frozen):
    """One series of a version: which file its candles are in, and how many."""

    pair: str
    timeframe: str
    file: str
    candles: int


class VersionFacts(Frozen):
    """What the manifest of a version says beside the files' hashes. `samples` is None where no encoder was chosen."""

    version: str
    data_hash: str
    samples_hash: str | None
    series: tuple[SeriesFacts, ...]
    annotations: int
    reviewed: int
    rejected: int
    samples: int | None
    label_colors: dict[str, str]
    notes: tuple[str, ...]

    @property
    def candles(self) -> int:
        """The candles of all series."""
        return sum(one.candles for one in self.series)


def version_name(dataset: Dataset, samples: Samples | None) -> str:
    """12 hex digits over candles, annotations, reviewed ranges, label colours and samples: same data, same name."""
    return _name(dataset.hash, dict(dataset.label_colors), None if samples is None else samples_hash(samples))


def samples_hash(samples: Samples) -> str:
    """SHA-256 (hex) of what every sample is, in order: series, candles, class, weight and annotation."""
    names = [[str(key) for key in samples.series], list(samples.classes), list(samples.annotation_ids)]
    digest = hashlib.sha256(json.dumps([samples.kind, samples.width, *names]).encode())
    for name in ("series_code", "first", "last", "scale", "known_at", "codes", "weight", "annotation", "span_length"):
        column = getattr(samples, name)
        digest.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def write_contents(folder: Path, dataset: Dataset, samples: Samples | None) -> None:
    """Write a data set, and the samples made of it, into an empty folder; the manifest comes last."""
    (folder / CANDLES_FOLDER).mkdir()
    facts = _facts(dataset, samples)
    for one, data in zip(facts.series, dataset.series.values(), strict=True):
        tables.write_candles(folder / one.file, data.candles)
    every = dataset.series.values()
    tables.write_annotations(folder / ANNOTATIONS, [item for data in every for item in data.annotations])
    tables.write_reviewed(folder / REVIEWED, [item for data in every for item in data.reviewed])
    tables.write_rejected(folder / REJECTED, dataset.rejected)
    if samples is not None:
        tables.write_samples(folder / SAMPLES, samples, {key: data.candles for key, data in dataset.series.items()})
    seal(folder, facts)


def open_contents(folder: Path, remedy: str = _AGAIN) -> Sealed[VersionFacts]:
    """Prove the folder of a version. Raises `DataError` that names each damaged file; `remedy` says what would do."""
    return open_sealed(folder, VersionFacts, remedy)


def read_snapshot(folder: Path, remedy: str = _AGAIN) -> Dataset:
    """The data set in the folder of a version, every file proven before it is read. Raises `DataError`."""
    sealed = open_contents(folder, remedy)
    facts = sealed.facts
    annotations = tables.read_annotations(sealed.read(ANNOTATIONS))
    reviewed = tables.read_reviewed(sealed.read(REVIEWED))
    series = {}
    for one in facts.series:
        key = SeriesKey(one.pair, one.timeframe)
        series[key] = SeriesData(
            tables.read_candles(sealed.read(one.file), key),
            tuple(item for item in annotations if item.series == key),
            tuple(item for item in reviewed if item.series == key),
        )
    rejected = tables.read_rejected(sealed.read(REJECTED))
    found = content_hash(series)
    if found != facts.data_hash or _name(found, facts.label_colors, facts.samples_hash) != facts.version:
        raise DataError.at(str(folder), f"content {found[:12]}... under the name {facts.version}", remedy)
    return Dataset(series, facts.label_colors, rejected, facts.notes, found)


def _name(data_hash: str, label_colors: dict[str, str], samples: str | None) -> str:
    content = json.dumps([data_hash, label_colors, samples], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:_NAME_LENGTH]


def _facts(dataset: Dataset, samples: Samples | None) -> VersionFacts:
    every = dataset.series.values()
    return VersionFacts(
        version=version_name(dataset, samples),
        data_hash=dataset.hash,
        samples_hash=None if samples is None else samples_hash(samples),
        series=tuple(
            SeriesFacts(
                pair=key.pair,
                timeframe=key.timeframe,
                file=_candles_file(number, key),
                candles=len(data.candles),
            )
            for number, (key, data) in enumerate(dataset.series.items())
        ),
        annotations=sum(len(data.annotations) for data in every),
        reviewed=sum(len(data.reviewed) for data in every),
        rejected=len(dataset.rejected),
        samples=None if samples is None else len(samples),
        label_colors=dict(dataset.label_colors),
        notes=dataset.notes,
    )


def _candles_file(number: int, key: SeriesKey) -> str:
    """A name that no two series share on any file system; what a pair is called stands in the manifest."""
    pair = re.sub(r"[^A-Za-z0-9._-]", "-", key.pair)[:_LONGEST_PAIR]
    return f"{CANDLES_FOLDER}/{number:04d}_{pair}_{key.timeframe}.parquet"
