"""The JSON of the model routes and of the operation routes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import from_json

from candle_ml.candles import LATEST_TIME
from candle_ml.inference.out_of_fold import Origin
from candle_ml_server.schemas import (
    ALIAS,
    RUN_ID,
    VERSION_NUMBER,
    Day,
    Label,
    Pair,
    PredictResponse,
    Probability,
    Strict,
    Threshold,
    Time,
    Timeframe,
)

VersionNumber = Annotated[str, Field(pattern=VERSION_NUMBER, examples=["3"])]


class ModelInfo(Strict):
    """Which model is served."""

    model_name: str
    model_version: VersionNumber
    model_type: str
    experiment_name: str
    run_id: str
    trained_at: Time
    feature_count: int
    label_names: list[Label]


class ClassScores(Strict):
    """Per-candle scores of one class on the test block."""

    precision: Probability
    recall: Probability
    f1_score: Probability
    support: int


class MetricsInfo(Strict):
    """Per-candle scores on the test block; null where nothing was evaluated."""

    accuracy: Probability | None
    f1_macro: Probability | None
    f1_weighted: Probability | None
    per_class: dict[Label, ClassScores]


class LabelConfig(Strict):
    """How a label is drawn, and the probability from which it is reported."""

    name: Label
    color: str
    threshold: Probability


class ReceiptInfo(Strict):
    """Proof that the loaded model computes what it computed at training.

    `exact`: every bit equal, on the same versions; `equal`: within the tolerance, on versions named in `differing`.
    """

    mode: Literal["exact", "equal"]
    rows: int
    largest_ulp: int
    largest_difference: float
    differing: list[str]


class ModelInfoResponse(Strict):
    """Everything about the served model; `follows` is the alias that moves it, null where it is pinned."""

    model_info: ModelInfo
    metrics: MetricsInfo
    label_config: list[LabelConfig]
    required_history: int
    """Candles that must stand before a candle so that it gets a prediction."""
    window: int
    """Candles of one sample."""
    timeframes: list[Timeframe]
    data_version: str | None
    config_hash: str
    receipt: ReceiptInfo
    follows: str | None


class RegisteredModel(Strict):
    """A registered version; `active` is the one that is served."""

    version: VersionNumber
    aliases: list[str]
    run_id: str
    model_type: str
    trained_at: Time
    f1_macro: float | None
    active: bool


class ModelsResponse(Strict):
    """Registered versions, newest first."""

    model_name: str
    models: list[RegisteredModel]


class LoadRequest(Strict):
    """Exactly one of the three; a version or a run id pins, an alias is followed from then on."""

    version: VersionNumber | Annotated[int, Field(ge=1, le=999_999_999)] | None = None
    alias: Annotated[str, Field(pattern=ALIAS, examples=["champion"])] | None = None
    run_id: Annotated[str, Field(pattern=RUN_ID)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.version, self.alias, self.run_id)) != 1:
            raise ValueError("name exactly one of version, alias and run_id")
        return self


class LoadResponse(Strict):
    """The model that is served from now on; `follows` is the alias that moves it, null where it is pinned."""

    model_name: str
    model_version: VersionNumber
    run_id: str
    follows: str | None


def number(text: object) -> object:
    """The number that a query writes; anything else as it is."""
    try:
        value: object = from_json(text, allow_inf_nan=False) if isinstance(text, str) else text
    except ValueError:
        return text
    return value if type(value) in (int, float) else text


class OutOfFoldQuery(Strict):
    """Which stored predictions to show."""

    pair: Pair
    timeframe: Timeframe
    start: Annotated[Day | Time, BeforeValidator(number)] = 0
    """Candles that open then or later: a UTC date or Unix seconds."""
    end: Annotated[Day | Time, BeforeValidator(number)] = LATEST_TIME
    """Candles that open then or before: a UTC date, all of it, or Unix seconds."""
    threshold: Annotated[Threshold | None, BeforeValidator(number)] = None
    """Probability from which a pattern is reported; without it each label's own threshold counts."""


class TraceQuery(Strict):
    """Which version to trace; without one the served model."""

    version: VersionNumber | None = None
    """A registered version."""


class OutOfFoldResponse(PredictResponse):
    """What models said of candles that they had not been fitted on, in the shape of a prediction.

    `status` is still that of the served model, which was fitted on many of these candles.
    """

    origin: Origin
    """`folds`: each candle by the model of its fold; `test block`: by the model that was evaluated."""


class HealthResponse(Strict):
    """The event loop runs."""

    status: Literal["ok"]


class ReadyCheck(Strict):
    """One part of the service and, where something is wrong with it, what."""

    name: Literal["model", "tracking", "last_load", "state"]
    ok: bool
    detail: str


class ReadyResponse(Strict):
    """Predictions are answered; `degraded` where a part that they can do without is away."""

    status: Literal["ready", "degraded"]
    checks: list[ReadyCheck]
