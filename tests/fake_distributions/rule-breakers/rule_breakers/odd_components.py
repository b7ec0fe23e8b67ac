"""Components that each break one rule, beside one that breaks none."""

from collections.abc import Iterable

from pydantic import BaseModel

from candle_ml.components import FeatureExtractorComponent, ModelTrainerComponent, NoOptions, Options, lazy
from candle_ml.hookspecs import hookimpl

BUILD = lazy("rule_breakers:Nothing")


class Plain(BaseModel):
    """Accepts unknown keys."""


class WithoutDefault(Options):
    """Has an option that must be given."""

    period: int


class TakesUse(Options):
    """Has an option with the core's name."""

    use: str = "x"


class TakesRefit(Options):
    """Has an option with the name of a key that only trainers have beside theirs."""

    refit: bool = False


@hookimpl
def candle_ml_feature_extractors() -> Iterable[FeatureExtractorComponent]:
    """Two good ones among bad ones."""
    yield FeatureExtractorComponent(name="Not_Kebab", summary="", build=BUILD)
    yield FeatureExtractorComponent(name="plain-options", summary="", build=BUILD, options=Plain)  # type: ignore[arg-type]
    yield FeatureExtractorComponent(name="without-default", summary="", build=BUILD, options=WithoutDefault)
    yield FeatureExtractorComponent(name="takes-use", summary="", build=BUILD, options=TakesUse)
    yield FeatureExtractorComponent(name="takes-refit", summary="", build=BUILD, options=TakesRefit)
    yield FeatureExtractorComponent(name="good", summary="", build=BUILD, options=NoOptions)


@hookimpl
def candle_ml_model_trainers() -> Iterable[ModelTrainerComponent]:
    """A trainer with a reserved option."""
    yield ModelTrainerComponent(name="takes-refit", summary="", build=BUILD, load=BUILD, options=TakesRefit)
