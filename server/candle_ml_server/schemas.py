"""The JSON that goes in and out: the same models check requests, write answers and make the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from candle_ml.candles import LATEST_TIME

_MOST_KEYS = 50
_TIMEFRAME = r"^[1-9][0-9]{0,3}[smhdwM]$"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
VERSION_NUMBER = r"^[1-9][0-9]{0,8}$"
ALIAS = r"^[a-z][a-z0-9_-]{0,99}$"
RUN_ID = r"^[0-9a-f]{32}$"
_BLANK = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u3000\ufeff"
_NOT_BLANK = f"^[^{_BLANK}]"
_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

PATTERNS = {
    _NOT_BLANK: "a name that does not begin with a blank",
    _TIMEFRAME: "a number and one of s, m, h, d, w, M, such as 15m or 1d",
    _DAY: "a date such as 2024-01-31",
    VERSION_NUMBER: "a version number",
    ALIAS: "an alias of lower-case letters, digits, _ and -",
    RUN_ID: "a run id of 32 hexadecimal digits",
}
"""What each pattern means, for people."""
UNION_FIELDS = frozenset({"candles", "start_date", "end_date", "start", "end", "version"})
"""Fields whose value has one of several forms."""


def _refuse_crowd(value: object) -> object:
    """Stop an object of a million unknown keys before each of them becomes an error of its own."""
    rows = value if isinstance(value, list) else (value,)
    if any(isinstance(row, dict) and len(row) > _MOST_KEYS for row in rows):
        raise ValueError(f"an object has more than {_MOST_KEYS} keys")
    return value


Pair = Annotated[
    str,
    Field(max_length=64, pattern=_NOT_BLANK, description="What is traded, such as EURUSD", examples=["EURUSD"]),
]
Timeframe = Annotated[
    str,
    Field(pattern=_TIMEFRAME, description="How long a candle lasts", examples=["1h"]),
]
Time = Annotated[int, Field(ge=0, le=LATEST_TIME, description="Unix seconds UTC", examples=[1704067200])]
# What a price or a volume may be is checked by row, later, so that every bad row can be named.
Price = Annotated[float, Field(json_schema_extra={"exclusiveMinimum": 0}, examples=[1.105])]
Volume = Annotated[float, Field(json_schema_extra={"minimum": 0})]
Threshold = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Extra = Literal["probabilities", "similar"]
Extras = Annotated[list[Extra], Field(max_length=len(get_args(Extra)), fail_fast=True)]
Label = str


class Strict(BaseModel):
    """Base of every model here: unknown keys, NaN, infinities and silent conversions are refused."""

    model_config = _STRICT

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, value: object) -> object:
        return _refuse_crowd(value)

    def colons(self) -> int:
        """How many colons its JSON has: one a key, and those inside text; more of them tell of a repeated key."""
        return sum(1 + _colons(getattr(self, name)) for name in self.model_fields_set)


def _colons(value: object) -> int:
    if isinstance(value, Strict):
        return value.colons()
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sum(map(len, value))
    if isinstance(value, list) and value and isinstance(value[0], str):
        return sum(text.count(":") for text in value)
    return 0


class CandleRow(TypedDict):
    """One candle; prices are above zero, high the highest and low the lowest of them."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    time: Time
    open: Price
    high: Price
    low: Price
    close: Price
    volume: NotRequired[Volume | None]


_Times = Annotated[list[Time], Field(fail_fast=True)]
_Prices = Annotated[list[Price], Field(fail_fast=True)]
_Volumes = Annotated[list[Volume], Field(fail_fast=True)]


class CandleColumns(Strict):
    """Candles by column; all columns have one length."""

    time: _Times
    open: _Prices
    high: _Prices
    low: _Prices
    close: _Prices
    volume: _Volumes | None = None


CandleRows = Annotated[list[CandleRow], Field(fail_fast=True)]
_Candles = Annotated[CandleRows | CandleColumns, Field(union_mode="left_to_right")]
CandleInput: TypeAlias = Annotated[
    _Candles, BeforeValidator(_refuse_crowd), Field(description="Candles in any order, as rows or as columns")
]


class PredictRequest(Strict):
    """Candles of one series, the ones to predict and those before them."""

    pair: Pair
    timeframe: Timeframe
    candles: CandleInput
    predict_from: Time | None = None
    """Candles that open before this are context only."""
    threshold: Threshold | None = None
    """Probability from which a pattern is reported; without it each label's own threshold counts."""
    include: Extras = []
    """`probabilities` of each candle, `similar` annotated spans of each span."""


class SimilarSpan(Strict):
    """An annotated span that the model was fitted on."""

    id: str
    pair: str
    timeframe: Timeframe
    start_time: Time
    end_time: Time
    label: Label
    distance: Annotated[float, Field(ge=0)]
    """Root mean square difference of the two shapes, as a share of a span's range of prices; 0: the same shape."""


class Span(Strict):
    """A pattern found in the candles that open in `[start_time, end_time]`."""

    label: Label
    start_time: Time
    end_time: Time
    avg_confidence: Probability
    candle_count: int
    known_at: Time
    """Open time of the last candle that this needed."""
    similar: list[SimilarSpan] | None = None
    """Annotated spans of this label, the most similar first, where `include` asked for them."""


class PredictedCandle(Strict):
    """What is said of one candle; below the threshold its label is `O`, with the probability of `O`."""

    time: Time
    label: Label | None
    confidence: Probability | None
    status: Literal["insufficient_history", "in_sample", "ok"]
    provisional: bool
    """Whether a later candle can still change this."""
    probabilities: dict[Label, Probability] | None = None
    """Of every class, where `include` asked for it."""


class PredictResponse(Strict):
    """Spans and candles of one series, and the model that made them."""

    model_name: str
    model_version: str
    run_id: str
    pair: Pair
    timeframe: Timeframe
    spans: list[Span]
    candles: list[PredictedCandle]
    required_history: int
    """Candles that must stand before a candle so that it gets a prediction."""
    insufficient_history: int
    """How many candles of this answer have too few before them."""


Day = Annotated[str, Field(pattern=_DAY, json_schema_extra={"format": "date"})]


class BatchRangeRequest(Strict):
    """Candles of the service's own source that open in a range, both ends included."""

    pair: Pair
    timeframe: Timeframe
    start_date: Day | Time
    """A UTC date or Unix seconds."""
    end_date: Day | Time
    """A UTC date, all of it, or Unix seconds."""
    threshold: Threshold | None = None
    """Probability from which a pattern is reported."""
    include: Extras = []
    """`probabilities` of each candle, `similar` annotated spans of each span."""


MOST_BATCH_ELEMENTS = 1000


class BatchInlineRequest(Strict):
    """Several predict requests; one that is wrong fails alone."""

    requests: list[object] = Field(min_length=1, max_length=MOST_BATCH_ELEMENTS)
    """Each a `PredictRequest`."""

    def colons(self) -> int:
        """As above, over whatever the elements hold."""
        return 1 + any_colons(self.requests)


def any_colons(value: object) -> int:
    """How many colons the JSON of any value has."""
    if isinstance(value, dict):
        return sum(1 + key.count(":") + any_colons(each) for key, each in value.items())
    if isinstance(value, list):
        return sum(map(any_colons, value))
    return value.count(":") if isinstance(value, str) else 0


class ErrorItem(Strict):
    """One thing that is wrong."""

    where: str
    found: str
    expected: str


class ProblemDetails(Strict):
    """A problem of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ErrorItem] | None = None
    index: int | None = None
    """Which request of a batch it is about."""


class BatchResponse(Strict):
    """Answers in the order of the requests."""

    results: list[PredictResponse | ProblemDetails]


class DetectRequest(Strict):
    """Candles, and the TA-Lib functions to run over them; an empty list means all."""

    candles: CandleInput
    patterns: list[Annotated[str, Field(max_length=32)]] = Field(default=[], max_length=100, fail_fast=True)


class AvailablePattern(Strict):
    """A TA-Lib pattern function; `lookback` is how many candles it needs before it can say anything."""

    function_name: str
    display_name: str
    lookback: int


class DetectedPattern(Strict):
    """A programmatic annotation."""

    start_time: Time
    end_time: Time
    label: Label
    confidence: Probability
    source: Literal["talib"] = "talib"


class DetectMetadata(Strict):
    """About the annotations."""

    count: int


class DetectResponse(Strict):
    """What the pattern functions found."""

    annotations: list[DetectedPattern]
    metadata: DetectMetadata
