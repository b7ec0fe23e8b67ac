"""Options of the sources."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from candle_ml.components import Options
from candle_ml_sources.annotator_address import Address

TimeUnit = Literal["auto", "s", "ms"]
TIMEFRAME = r"^[1-9][0-9]{0,3}[smhdwM]$"


class SeriesName(Options):
    """What is traded and how long a candle lasts."""

    pair: str = Field(min_length=1, pattern=r"\S", description="What is traded, such as EURUSD.")
    timeframe: str = Field(pattern=TIMEFRAME, description="A number and one of s, m, h, d, w, M, such as 15m or 1d.")


class CandleFilesOptions(Options):
    """Where candles stand and whose they are."""

    path: str = Field("data/candles", min_length=1, description="A file, or a folder searched for CSV and Parquet.")
    pair: str | None = Field(None, pattern=r"\S", description="Whose candles all files hold, with `timeframe`.")
    timeframe: str | None = Field(None, pattern=TIMEFRAME, description="How long a candle lasts, with `pair`.")
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


class ChartSeries(Options):
    """A chart of the annotator, and whose candles it holds."""

    chart: int | str = Field(description="The chart's number or its name.")
    pair: str | None = Field(None, pattern=r"\S", description="What is traded; null: what the chart itself says.")
    timeframe: str | None = Field(
        None, pattern=TIMEFRAME, description="How long a candle lasts; null: what the chart itself says."
    )


class AnnotatorApiOptions(Options):
    """Where the annotator answers, which of its charts are read and how patiently."""

    url: str = Field("http://127.0.0.1:3000", description="Address of the annotator, maybe with a path.")
    charts: tuple[ChartSeries, ...] = Field((), description="The charts to read; empty: all of them.")
    others: bool = Field(False, description="Read the charts that are not listed too.")
    api_key_variable: str | None = Field(None, description="Environment variable that holds a key; null: no key.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Hosts that may be asked, beside this machine; empty: the one in `url`."
    )
    timeout: float = Field(10, gt=0, le=3600, description="Seconds to wait for a connection or for more of an answer.")
    deadline: float = Field(120, gt=0, le=86400, description="Seconds that reading everything may take.")
    retries: int = Field(3, ge=0, le=20, description="How often a request that failed in passing is sent again.")
    max_bytes: int = Field(67108864, ge=1024, description="Most bytes of one answer, unpacked.")
    source: str = Field("human", min_length=1, description="Who annotated, for rows that do not say.")
    unknown_time: Literal["snap", "reject"] = Field(
        "snap", description="A time at which no candle opens: move it to the open of its candle, or set the row aside."
    )
    strict: bool = Field(False, description="Refuse charts with bad rows instead of setting those rows aside.")

    @model_validator(mode="after")
    def _safe_to_ask(self) -> Self:
        Address.of(self.url).check_allowed(self.allowed_hosts)
        if self.api_key_variable is not None and not re.fullmatch(r"[A-Z][A-Z0-9_]*", self.api_key_variable):
            raise ValueError("api_key_variable is the name of an environment variable, such as ANNOTATOR_API_KEY")
        return self
