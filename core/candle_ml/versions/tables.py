"""Candles, annotations, reviewed ranges and samples as Parquet, and back without loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candle_ml.annotations import Annotation, RejectedRow, ReviewedRange
from candle_ml.bundle import Frozen
from candle_ml.candles import Candles, SeriesKey
from candle_ml.scores import SampleKind, Samples

_BETWEEN = "\n"
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


def write_samples(
    path: Path,
    samples: Samples,
    candles: Mapping[SeriesKey, Candles],
    metadata: Mapping[bytes, bytes] | None = None,
) -> None:
    """One row a sample: series, first and last candle by index and open time, label (null: none known), weight, origin.

    `label` is a list, one a step, where the samples are sequences. `metadata` stands in the file beside them.
    """
    columns = {
        "pair": _texts(samples.series_code, [key.pair for key in samples.series]),
        "timeframe": _texts(samples.series_code, [key.timeframe for key in samples.series]),
        **{name: getattr(samples, name) for name in ("first", "last")},
        "first_time": open_times(samples, samples.first, candles),
        "last_time": open_times(samples, samples.last, candles),
        **{name: getattr(samples, name) for name in ("scale", "known_at")},
        "label": _labels(samples),
        "weight": samples.weight,
        "annotation": _texts(samples.annotation, samples.annotation_ids),
        "span_length": samples.span_length,
    }
    _write(path, pa.table(columns, metadata=metadata))


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
    names = pc.binary_join_element_wise(table.column("pair"), table.column("timeframe"), _BETWEEN)
    labels = table.column("label").combine_chunks()
    shape = (table.num_rows,) if layout.kind == "window" else (table.num_rows, layout.width)
    codes = _codes(labels if layout.kind == "window" else labels.flatten(), layout.classes)
    return Samples(
        kind=layout.kind,
        width=layout.width,
        series=tuple(SeriesKey(pair, timeframe) for pair, timeframe in layout.series),
        classes=layout.classes,
        series_code=_codes(names.combine_chunks(), [_BETWEEN.join(key) for key in layout.series]).astype(np.int32),
        codes=codes.astype(np.int32).reshape(shape),
        annotation=_codes(table.column("annotation").combine_chunks(), layout.annotation_ids),
        annotation_ids=layout.annotation_ids,
        **{name: _numbers(table, name) for name in ("first", "last", "scale", "known_at", "weight", "span_length")},
    )


def _codes(texts: pa.Array, names: Sequence[str]) -> NDArray[np.int64]:
    """Each text's place among the names, -1 for null."""
    encoded = texts.dictionary_encode()
    place = {name: number for number, name in enumerate(names)}
    table = np.array([*(place[text] for text in encoded.dictionary.to_pylist()), -1], dtype=np.int64)
    found: NDArray[np.int64] = table[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return found


def open_times(samples: Samples, index: NDArray[np.int64], candles: Mapping[SeriesKey, Candles]) -> NDArray[np.int64]:
    """The open of the candle that each sample's `index` points at, Unix seconds."""
    times = np.empty(len(samples), dtype=np.int64)
    for number, key in enumerate(samples.series):
        rows = samples.series_code == number
        times[rows] = candles[key].time[index[rows]]
    return times


def _labels(samples: Samples) -> pa.Array:
    """The class of each sample, or a list with that of each of its steps."""
    labels = _texts(samples.codes.reshape(-1), samples.classes)
    if samples.kind == "window":
        return labels
    return pa.ListArray.from_arrays(pa.array(np.arange(len(samples) + 1, dtype=np.int32) * samples.width), labels)


def _texts(codes: NDArray[np.int32] | NDArray[np.int64], names: Sequence[str]) -> pa.Array:
    """The name of each code; null where it is below zero."""
    return pa.array(names, pa.string()).take(pa.array(codes, pa.int64(), mask=codes < 0))


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
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def _read(content: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
