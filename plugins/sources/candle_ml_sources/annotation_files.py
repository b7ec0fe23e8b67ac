"""The source `annotation-files`: annotations and reviewed ranges from JSON and CSV."""

from __future__ import annotations

from candle_ml.annotations import Ingest
from candle_ml.candles import SeriesKey
from candle_ml.components import SourceContext
from candle_ml.errors import DataError
from candle_ml.sources import refuse
from candle_ml_sources.annotation_csv import read_annotation_csv
from candle_ml_sources.annotation_json import read_json
from candle_ml_sources.claims import FileRows
from candle_ml_sources.collecting import Collected
from candle_ml_sources.files import DataFile, find_files, name_series, read_bytes, read_each
from candle_ml_sources.options import AnnotationFilesOptions

_SUFFIXES = (".json", ".csv")
_NAME_HINT = "name it like AAPL_1d.json or AAPL/1d.bio.csv, or give series"


class AnnotationFiles:
    """Reads annotations and reviewed ranges, one series a file."""

    def __init__(self, options: AnnotationFilesOptions) -> None:
        self.options = options

    def read(self, context: SourceContext) -> Ingest:
        """All annotations and reviewed ranges of the files. Raises `DataError` for a file of another kind.

        Rows that cannot be used are set aside and named; with the option `strict` they raise `DataError`.
        """
        options = self.options
        given = None if options.series is None else SeriesKey(options.series.pair, options.series.timeframe)
        found = find_files(context.root, options.path, _SUFFIXES)
        named, problems = name_series(found, given, {}, _NAME_HINT)
        if problems:
            raise DataError(*problems)
        files = read_each(named, self._read_file, "annotation files", context.progress)
        collected = Collected(
            {candles.key: candles for candles in context.known.candles},
            options.path,
            options.source,
            options.unknown_time,
        )
        for (_, series), rows in zip(named, files, strict=True):
            collected.add(series, rows)
        read = collected.ingest()
        if options.strict and read.rejected:
            raise refuse(options.path, read.rejected)
        return read

    def _read_file(self, file: DataFile, series: SeriesKey) -> FileRows:
        data = read_bytes(file)
        if file.path.name.lower().endswith(".json"):
            return read_json(file.where, data, self.options.time_unit)
        return read_annotation_csv(file.where, data, self.options.time_unit, self.options.bio_reviewed)
