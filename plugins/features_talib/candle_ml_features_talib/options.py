"""What each component of this plugin can be told, with its defaults."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from candle_ml.components import Options
from candle_ml_features_talib.functions import DEFAULTS
from candle_ml_features_talib.patterns import BY_FUNCTION, PATTERNS, Pattern

Scale = Literal["auto", "atr", "close", "none"]


def _known(name: str, names: Iterable[str], what: str) -> str:
    if name not in names:
        nearest = get_close_matches(name.upper(), names, 1)
        raise ValueError(f"{name!r} is no {what}" + (f"; did you mean {nearest[0]}?" if nearest else ""))
    return name


def _pattern_function(name: str) -> str:
    return _known(name, BY_FUNCTION, "candle pattern of TA-Lib")


def _indicator_function(name: str) -> str:
    return _known(name, DEFAULTS, "indicator of TA-Lib")


PatternName: TypeAlias = Annotated[
    str, AfterValidator(_pattern_function), Field(json_schema_extra={"enum": list(BY_FUNCTION)})
]
IndicatorName: TypeAlias = Annotated[
    str, AfterValidator(_indicator_function), Field(json_schema_extra={"enum": list(DEFAULTS)})
]


class PatternChoice(Options):
    """Which candle patterns to look for."""

    functions: Literal["all"] | list[PatternName] = Field(
        default="all", description="TA-Lib pattern functions, such as CDLENGULFING, or all 61."
    )
    exclude: list[PatternName] = Field(default=[], description="Pattern functions to leave out.")

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if not self.chosen():
            raise ValueError("functions minus exclude leaves no pattern; leave at least one")
        return self

    def chosen(self) -> tuple[Pattern, ...]:
        """The chosen patterns, once each, in the order given (`all`: alphabetical)."""
        names = [pattern.function for pattern in PATTERNS] if self.functions == "all" else self.functions
        return tuple(BY_FUNCTION[name] for name in dict.fromkeys(names) if name not in self.exclude)


class CdlOptions(PatternChoice):
    """Options of `talib-cdl`."""


class Indicator(Options):
    """One TA-Lib function, its parameters and the unit of its columns."""

    function: IndicatorName = Field(description="A TA-Lib function, such as RSI.")
    parameters: dict[str, int | float] = Field(
        default={}, description="TA-Lib's own parameter names; those left out have pinned defaults."
    )
    scale: Scale = Field(
        default="auto",
        description="Unit of price columns. atr: levels become (value - close) / ATR, differences value / ATR; close: "
        "the same by close; none: as TA-Lib gives them; auto: atr, but close for ATR. Unitless columns stay.",
    )
    difference: bool = Field(
        default=False, description="Take the change from candle to candle, so that a running total forgets its start."
    )

    @model_validator(mode="after")
    def _parameters_exist(self) -> Self:
        for name, value in self.parameters.items():
            known = DEFAULTS[self.function]
            if name not in known:
                raise ValueError(f"{self.function} has no parameter {name!r}; it has {_listed(known)}")
            if isinstance(known[name], int) and not isinstance(value, int):
                raise ValueError(f"{self.function}: {name} is {value}; write a whole number")
        return self

    def all_parameters(self) -> dict[str, int | float]:
        """The parameters given, and the pinned default of every other."""
        defaults = DEFAULTS[self.function]
        return {name: type(default)(self.parameters.get(name, default)) for name, default in defaults.items()}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _default_indicators() -> list[Indicator]:
    names = ("RSI", "MACD", "BBANDS", "ATR", "ADX", "STOCH", "ROC", "WILLR")
    averages = [
        Indicator(function="EMA", parameters={"timeperiod": 20}),
        Indicator(function="SMA", parameters={"timeperiod": 50}),
    ]
    return [Indicator(function=name) for name in names] + averages


class IndicatorOptions(Options):
    """Options of `talib-indicators`."""

    indicators: list[Indicator] = Field(
        default_factory=_default_indicators, min_length=1, description="The indicators, in the order of their columns."
    )
    atr_candles: int = Field(
        default=14, ge=1, description="Candles in the mean true range (and mean volume) that columns are divided by."
    )
    max_lookback: int = Field(
        default=1000,
        ge=0,
        le=10_000,
        description="Refuse an indicator that needs more candles than this to forget its start.",
    )


class CandleShapeOptions(Options):
    """Options of `candle-shape`."""

    scale: Literal["mean_range", "none"] = Field(
        default="mean_range",
        description="Divide lengths by the mean range of the last candles, or leave them.",
    )
    scale_candles: int = Field(default=14, ge=1, description="Candles in that mean range, the newest included.")


class WindowShapeOptions(Options):
    """Options of `window-shape`."""

    points: int = Field(default=16, ge=2, le=256, description="Points that each price path is resampled to.")
    prices: list[Literal["close", "high", "low"]] = Field(
        default=["close", "high", "low"], description="The price paths to give as columns; none: the measures alone."
    )
    swing: float = Field(
        default=0.2, gt=0.0, lt=1.0, description="Share of the window's range that a turn must undo to be counted."
    )
    context: int = Field(default=20, ge=1, description="Candles before the window that it is compared with.")


class WindowKernelsOptions(Options):
    """Options of `window-kernels`."""

    points: int = Field(default=32, ge=9, le=128, description="Points that the closes are resampled to.")
    dilations: list[Annotated[int, Field(ge=1, le=16)]] = Field(
        default=[1, 2, 3], min_length=1, description="Distances, in points, between the nine weights of a kernel."
    )
    biases: int = Field(
        default=3, ge=1, le=9, description="Levels that each response is compared with, from low to high."
    )


class PatternLabelOptions(PatternChoice):
    """Options of `talib-patterns`."""

    minimum_strength: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Least strength of a label: |TA-Lib's value| / 100, at most 1."
    )
    merge: Literal["add", "skip_overlapping"] = Field(
        default="add", description="Beside annotations already read: add all labels, or skip those that overlap one."
    )
