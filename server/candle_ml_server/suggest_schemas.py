"""The JSON of `GET /suggest`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from candle_ml.inference.suggestions import MOST, Why
from candle_ml_server.model_schemas import number
from candle_ml_server.schemas import Label, Pair, Probability, SimilarSpan, Strict, Time, Timeframe


class SuggestQuery(Strict):
    """Which suggestions to show; without a pair and a timeframe those of every series."""

    pair: Pair | None = None
    timeframe: Timeframe | None = None
    limit: Annotated[int, Field(ge=1, le=MOST), BeforeValidator(number)] = 20
    """Most stretches, and most annotations to look at again."""


class SuggestedStretch(Strict):
    """Candles to annotate next: those that open in `[start_time, end_time]`."""

    pair: str
    timeframe: Timeframe
    start_time: Time
    end_time: Time
    label: Label
    """The most likely pattern."""
    confidence: Probability
    """Its probability."""
    uncertainty: Probability
    """1 where the probability is the threshold of the label, 0 where it is 0 or 1."""
    why: Why
    """`uncertain`: near the threshold; `explore`: unlike everything that is annotated."""


class DoubtedAnnotation(Strict):
    """An annotation whose label looks wrong to models that had not seen it."""

    id: str
    pair: str
    timeframe: Timeframe
    start_time: Time
    end_time: Time
    label: Label
    """As it is annotated."""
    likely_label: Label
    """What the models say instead; `O`: nothing."""
    doubt: Probability
    """How far the likely label is ahead."""
    probabilities: dict[Label, Probability]
    similar: list[SimilarSpan]
    """Annotated spans of the likely label, the most similar first."""


class SuggestResponse(Strict):
    """What to annotate next, the most useful first, and what to look at again, the worst first."""

    model_name: str
    model_version: str
    run_id: str
    suggestions: list[SuggestedStretch]
    review: list[DoubtedAnnotation]
