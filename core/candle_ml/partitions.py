"""Partitions: what was computed of one series, as a Parquet file named after everything it was computed from."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candle_ml.bundle import Frozen
from candle_ml.candles import Candles, SeriesKey
from candle_ml.components import Encoded
from candle_ml.errors import CandleMLWarning, DataError
from candle_ml.features import candle_features
from candle_ml.inference import Recipe
from candle_ml.overflow import mark_used
from candle_ml.unwritable import named
from candle_ml.versions.tables import SamplesLayout, read_samples, write_samples

_FORMAT = 1
_LONGEST_PAIR = 60
_LENGTH_OF_HASH = 16
_ROWS_IN_A_GROUP = 1 << 16
_UNFINISHED = ".partial-"
_SECONDS_UNTIL_LEFT = 86_400
_ABOUT, _DIGEST = b"candle-ml", b"candle-ml-sha256"
_UNSEALED = b"0" * 64
_WRITTEN = {"compression": "zstd", "compression_level": 1, "write_page_checksum": True}
_DAMAGE = (OSError, ValueError, KeyError, pa.ArrowException)
"""What reading a damaged file raises; Pydantic's errors and those of wrong UTF-8 are `ValueError`s."""

Content = TypeVar("Content")


def partition_path(folder: Path, key: SeriesKey, *made_from: object) -> Path:
    """Where the partition of a series stands that is made from these JSON values: other values, other file."""
    content = json.dumps([_FORMAT, key.pair, key.timeframe, *made_from], sort_keys=True, allow_nan=False)
    return folder / f"{series_name(key)}.{hashlib.sha256(content.encode()).hexdigest()[:_LENGTH_OF_HASH]}.parquet"


def others_of(path: Path, key: SeriesKey) -> Iterator[Path]:
    """The partitions of a series beside one of them, which were made from other values."""
    every = path.parent.glob(f"{series_name(key)}.{'[0-9a-f]' * _LENGTH_OF_HASH}.parquet")
    return (other for other in every if other != path and not other.is_dir())


def series_name(key: SeriesKey) -> str:
    """A series as the beginning of a file name: safe on any file system, and of no other series."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", key.pair)[:_LONGEST_PAIR]
    told_apart = "" if safe == key.pair else f"-{hashlib.sha256(key.pair.encode()).hexdigest()[:8]}"
    return f"{safe}{told_apart}_{key.timeframe}"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place, on disk to the last byte, when all has gone well; else it goes.

    Raises `OSError` that names a file or the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}-{path.name}")
    try:
        with named(path.parent):
            yield beside
            with beside.open("rb+") as stream:
                os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what processes that were killed more than a day ago have left."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        if time.time() - path.stat().st_mtime > _SECONDS_UNTIL_LEFT:
            path.unlink(missing_ok=True)


def write_sealed(path: Path, table: pa.Table) -> None:
    """Write a table whole or not at all, with a SHA-256 of every byte of the file and of its name."""
    stream = pa.BufferOutputStream()
    with pq.ParquetWriter(stream, table.schema, **_WRITTEN) as writer:
        writer.write_table(table, row_group_size=_ROWS_IN_A_GROUP)
        writer.add_key_value_metadata({_DIGEST: _UNSEALED})
    content = stream.getvalue().to_pybytes()
    before, _, after = content.rpartition(_UNSEALED)
    with written_whole(path) as beside:
        beside.write_bytes(before + _seal(path, before, after) + after)


def is_sealed(path: Path) -> bool:
    """Whether a table is there as `write_sealed` wrote it, and under that name."""
    try:
        content = path.read_bytes()
        digest: bytes = pq.read_metadata(pa.BufferReader(content)).metadata[_DIGEST]
        before, _, after = content.rpartition(digest)
    except (*_DAMAGE, TypeError):
        return False
    return digest == _seal(path, before, after)


def _seal(path: Path, before: bytes, after: bytes) -> bytes:
    """What stands between these bytes of a sealed file."""
    return _digest(b"".join((path.name.encode(), before, _UNSEALED, after)))


def write_features(path: Path, candles: Candles, columns: tuple[str, ...], matrix: NDArray[np.float32]) -> None:
    """Column `open_time` (Unix seconds) and one `float` column a feature, one row a candle; checksums of its pages.

    Nothing is tried that helps texts: that is six times as fast.
    """
    arrays = [pa.array(candles.time), *(pa.array(np.ascontiguousarray(column)) for column in matrix.T)]
    with written_whole(path) as beside:
        pq.write_table(
            pa.table(arrays, names=["open_time", *columns]),
            beside,
            **_WRITTEN,
            row_group_size=_ROWS_IN_A_GROUP,
            use_dictionary=False,
            use_byte_stream_split=True,
            write_statistics=False,
        )


@lru_cache(maxsize=4)
def read_features(path: Path) -> NDArray[np.float32]:
    """The matrix of a partition, to the bit as it was written; the last ones read are kept. Raises `DataError`."""
    mark_used(path)
    columns = _read(path).columns[1:]
    matrix = np.empty((len(columns[0]) if columns else 0, len(columns)), dtype=np.float32)
    for number, column in enumerate(columns):
        matrix[:, number] = column.to_numpy()
    matrix.setflags(write=False)
    return matrix


class _About(Frozen):
    layout: SamplesLayout
    left_out: dict[str, int]


def write_encoded(path: Path, candles: Candles, encoded: Encoded) -> None:
    """The samples of one series, and how many each rule left out."""
    about = _About(layout=SamplesLayout.of(encoded.samples), left_out=encoded.left_out).model_dump_json().encode()
    with written_whole(path) as beside:
        write_samples(beside, encoded.samples, {candles.key: candles}, {_ABOUT: about, _DIGEST: _digest(about)})


def read_encoded(path: Path) -> Encoded:
    """What `write_encoded` wrote. Raises `DataError`."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        if _digest(metadata[_ABOUT]) != metadata[_DIGEST]:
            raise _damaged(path)
        about = _About.model_validate_json(metadata[_ABOUT])
        return Encoded(read_samples(path.read_bytes(), about.layout), about.left_out)
    except _DAMAGE as error:
        raise _damaged(path) from error


def _digest(content: bytes) -> bytes:
    """What proves what stands beside the pages of samples, which have checksums of their own, or a whole file."""
    return hashlib.sha256(content).hexdigest().encode()


def read_or_made(path: Path, read: Callable[[Path], Content], make: Callable[[], None]) -> Content:
    """What is read of a partition, which is made first where it is gone or damaged; a `CandleMLWarning` tells that.

    Raises `DataError` where it cannot be read even then.
    """
    try:
        return read(path)
    except DataError as error:
        warnings.warn(str(error), CandleMLWarning, stacklevel=2)
        make()
        return read(path)


@dataclass(frozen=True, slots=True, eq=False)
class StoredFeatures:
    """The features of a series, read each time they are asked for."""

    candles: Candles
    path: Path
    recipe: Recipe

    @property
    def matrix(self) -> NDArray[np.float32]:
        """As `read_or_made` does. Raises `DataError`."""
        return read_or_made(self.path, read_features, self.make)

    def make(self) -> None:
        """Compute and write them."""
        plan = self.recipe.plan
        write_features(self.path, self.candles, plan.candle_columns, candle_features(plan, self.candles))


def _read(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path, page_checksum_verification=True).read()
    except _DAMAGE as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> DataError:
    return DataError.at(str(path), "not a partition as it was written", "it is made again")
