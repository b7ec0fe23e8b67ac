"""Candles, annotations, reviewed ranges and samples as Parquet, and back without loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candle_ml.annotations import Annotation, RejectedRow, ReviewedRange
from candle_ml.bundle import Frozen
from candle_ml.candles import Candles, SeriesKey
from candle_ml.scores import UNLABELLED, SampleKind, Samples

_PRICES = ("open", "high", "low", "close")
_ANNOTATION_TYPES = {
    "id": pa.string(),
    "start_time": pa.int64(),
    "end_time": pa.int64(),
    "label": pa.string(),
    "source": pa.string(),
    "confidence": pa.float64(),
    **dict.fromkeys(("color", "outcome", "notes", "sub_spans", "model_prediction"), pa.string()),
}
_SERIES_TYPES = {"pair": pa.string(), "timeframe": pa.string()}
_RANGE_TYPES = {
    "start_time": pa.int64(),
    "end_time": pa.int64(),
    "origin": pa.string(),
    "labels": pa.list_(pa.string()),
}
_REJECTED_TYPES = dict.fromkeys(("where", "found", "expected"), pa.string())


def write_candles(path: Path, candles: Candles) -> None:
    """Columns `time` (int64, Unix seconds), `open`, `high`, `low`, `close` and, where there is one, `volume`."""
    columns = {"time": candles.time, **{name: getattr(candles, name) for name in _PRICES}}
    if candles.volume is not None:
        columns["volume"] = candles.volume
    _write(path, pa.table(columns))


def read_candles(content: bytes, key: SeriesKey) -> Candles:
    """The candles of a file's bytes, as they were written; they are trusted."""
    table = _read(content)
    volume = _numbers(table, "volume") if "volume" in table.column_names else None
    open_, high, low, close = (_numbers(table, name) for name in _PRICES)
    return Candles(key, _numbers(table, "time"), open_, high, low, close, volume)


def write_annotations(path: Path, annotations: Iterable[Annotation]) -> None:
    """One row an annotation: its series and every field of it."""
    rows = [_series(item.series) | {name: getattr(item, name) for name in _ANNOTATION_TYPES} for item in annotations]
    _write(path, _table(rows, _SERIES_TYPES | _ANNOTATION_TYPES))


def read_annotations(content: bytes) -> list[Annotation]:
    """The annotations of a file's bytes, in the order they were written."""
    return [Annotation(series=_key(row), **row) for row in _rows(content)]


def write_reviewed(path: Path, ranges: Iterable[ReviewedRange]) -> None:
    """One row a reviewed range; `labels` is null where every pattern was looked for."""
    rows = [
        _series(item.series)
        | {name: getattr(item, name) for name in _RANGE_TYPES}
        | {"labels": None if item.labels is None else sorted(item.labels)}
        for item in ranges
    ]
    _write(path, _table(rows, _SERIES_TYPES | _RANGE_TYPES))


def read_reviewed(content: bytes) -> list[ReviewedRange]:
    """The reviewed ranges of a file's bytes, in the order they were written."""
    ranges = []
    for row in _rows(content):
        labels = row.pop("labels")
        ranges.append(ReviewedRange(series=_key(row), labels=None if labels is None else frozenset(labels), **row))
    return ranges


def write_rejected(path: Path, rejected: Iterable[RejectedRow]) -> None:
    """One row for each input row that was set aside."""
    rows = [{name: getattr(item, name) for name in _REJECTED_TYPES} for item in rejected]
    _write(path, _table(rows, _REJECTED_TYPES))


def read_rejected(content: bytes) -> tuple[RejectedRow, ...]:
    """The rows that were set aside, in the order they were written."""
    return tuple(RejectedRow(**row) for row in _rows(content))


def write_samples(path: Path, samples: Samples, candles: Mapping[SeriesKey, Candles]) -> None:
    """One row a sample: series, first and last candle by index and open time, label (null: none known), weight, origin.

    `label` is a list, one a step, where the samples are sequences.
    """
    series = [samples.series[code] for code in samples.series_code.tolist()]
    annotation = [samples.annotation_ids[code] if code >= 0 else None for code in samples.annotation.tolist()]
    columns = {
        "pair": pa.array([key.pair for key in series], pa.string()),
        "timeframe": pa.array([key.timeframe for key in series], pa.string()),
        **{name: getattr(samples, name) for name in ("first", "last")},
        "first_time": open_times(samples, samples.first, candles),
        "last_time": open_times(samples, samples.last, candles),
        **{name: getattr(samples, name) for name in ("scale", "known_at")},
        "label": pa.array(_labels(samples), _label_type(samples.kind)),
        "weight": samples.weight,
        "annotation": pa.array(annotation, pa.string()),
        "span_length": samples.span_length,
    }
    _write(path, pa.table(columns))


class SamplesLayout(Frozen):
    """What a table of samples does not say: names in the order of their codes, and the form of a sample."""

    kind: SampleKind
    width: int
    series: tuple[tuple[str, str], ...]
    classes: tuple[str, ...]
    annotation_ids: tuple[str, ...]

    @classmethod
    def of(cls, samples: Samples) -> SamplesLayout:
        """The layout of some samples."""
        return cls(
            kind=samples.kind,
            width=samples.width,
            series=tuple((key.pair, key.timeframe) for key in samples.series),
            classes=samples.classes,
            annotation_ids=samples.annotation_ids,
        )


def read_samples(content: bytes, layout: SamplesLayout) -> Samples:
    """The samples of a file's bytes, as they were written."""
    table = _read(content)
    series = tuple(SeriesKey(pair, timeframe) for pair, timeframe in layout.series)
    keys = zip(table.column("pair").to_pylist(), table.column("timeframe").to_pylist(), strict=True)
    shape = (table.num_rows,) if layout.kind == "window" else (table.num_rows, layout.width)
    labels = np.array(table.column("label").to_pylist(), dtype=object)
    return Samples(
        kind=layout.kind,
        width=layout.width,
        series=series,
        classes=layout.classes,
        series_code=_codes([SeriesKey(*key) for key in keys], series).astype(np.int32),
        codes=_codes(labels.reshape(-1).tolist(), layout.classes).astype(np.int32).reshape(shape),
        annotation=_codes(table.column("annotation").to_pylist(), layout.annotation_ids),
        annotation_ids=layout.annotation_ids,
        **{name: _numbers(table, name) for name in ("first", "last", "scale", "known_at", "weight", "span_length")},
    )


def _codes(names: Sequence[object], known: Sequence[object]) -> NDArray[np.int64]:
    """Each name's place among the known ones, -1 for none."""
    place: dict[object, int] = {name: number for number, name in enumerate(known)}
    return np.array([-1 if name is None else place[name] for name in names], dtype=np.int64)


def open_times(samples: Samples, index: NDArray[np.int64], candles: Mapping[SeriesKey, Candles]) -> NDArray[np.int64]:
    """The open of the candle that each sample's `index` points at, Unix seconds."""
    times = np.empty(len(samples), dtype=np.int64)
    for number, key in enumerate(samples.series):
        rows = samples.series_code == number
        times[rows] = candles[key].time[index[rows]]
    return times


def _labels(samples: Samples) -> list[Any]:
    names = np.array([*samples.classes, None], dtype=object)
    codes = np.where(samples.codes == UNLABELLED, len(samples.classes), samples.codes)
    return list(names[codes].tolist())


def _label_type(kind: SampleKind) -> pa.DataType:
    return pa.string() if kind == "window" else pa.list_(pa.string())


def _series(key: SeriesKey) -> dict[str, Any]:
    return {"pair": key.pair, "timeframe": key.timeframe}


def _key(row: dict[str, Any]) -> SeriesKey:
    return SeriesKey(row.pop("pair"), row.pop("timeframe"))


def _table(rows: list[dict[str, Any]], types: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema(list(types.items())))


def _rows(content: bytes) -> list[dict[str, Any]]:
    return list(_read(content).to_pylist())


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    """A column as an array of its own: contiguous and writable, like any other."""
    return np.array(table.column(name).to_numpy())


def _write(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, compression="zstd")


def _read(content: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(content))
