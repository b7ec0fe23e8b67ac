"""Options of the file sources."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from candle_ml.components import Options

TimeUnit = Literal["auto", "s", "ms"]
_TIMEFRAME = r"^[1-9][0-9]{0,3}[smhdwM]$"


class SeriesName(Options):
    """What is traded and how long a candle lasts."""

    pair: str = Field(min_length=1, pattern=r"\S", description="What is traded, such as EURUSD.")
    timeframe: str = Field(pattern=_TIMEFRAME, description="A number and one of s, m, h, d, w, M, such as 15m or 1d.")


class CandleFilesOptions(Options):
    """Where candles stand and whose they are."""

    path: str = Field("data/candles", min_length=1, description="A file, or a folder searched for CSV and Parquet.")
    pair: str | None = Field(None, pattern=r"\S", description="Whose candles all files hold, with `timeframe`.")
    timeframe: str | None = Field(None, pattern=_TIMEFRAME, description="How long a candle lasts, with `pair`.")
    files: dict[str, SeriesName] = Field({}, description="Series by file name or by path within the folder.")
    time_unit: TimeUnit = Field("auto", description="Unit of times that are numbers; auto: by their size.")
    strict: bool = Field(False, description="Refuse files with bad rows instead of setting those rows aside.")

    @model_validator(mode="after")
    def _whole_series(self) -> Self:
        if (self.pair is None) != (self.timeframe is None):
            raise ValueError("pair and timeframe name a series together: give both or neither")
        return self


class AnnotationFilesOptions(Options):
    """Where annotations stand, whose they are and how they are read."""

    path: str = Field("data/annotations", min_length=1, description="A file, or a folder searched for JSON and CSV.")
    series: SeriesName | None = Field(None, description="The series of all files; by default from each file's name.")
    source: str = Field("human", min_length=1, description="Who annotated, for rows that do not say.")
    time_unit: TimeUnit = Field("auto", description="Unit of times that are numbers; auto: by their size.")
    unknown_time: Literal["snap", "reject"] = Field(
        "snap", description="A time at which no candle opens: move it to the open of its candle, or set the row aside."
    )
    bio_reviewed: bool = Field(False, description="A BIO file was reviewed from its first to its last row.")
    strict: bool = Field(False, description="Refuse files with bad rows instead of setting those rows aside.")
