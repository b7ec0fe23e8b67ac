"""What to annotate next and which annotations to look at again, as a run has stored it in its bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from candle_ml.bundle import Frozen, Share, Text, Timeframe, UnixTime
from candle_ml.errors import BundleError

MOST = 1000
Why = Literal["uncertain", "explore"]


class _Stretch(Frozen):
    """Candles of one series that open in `[start_time, end_time]` (Unix seconds UTC, both inclusive)."""

    pair: Text
    timeframe: Timeframe
    start_time: UnixTime
    end_time: UnixTime
    label: Text

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_time < self.start_time:
            raise ValueError("end_time before start_time")
        return self


class Suggestion(_Stretch):
    """A stretch to annotate next.

    `label` is its most likely pattern and `confidence` that pattern's probability. `uncertainty` is 1 where this is the
    label's threshold and 0 where it is 0 or 1. `why`: `uncertain`, or `explore` for what is unlike all annotations.
    """

    confidence: Share
    uncertainty: Share
    why: Why


class SimilarSpan(_Stretch):
    """An annotated span and how far its shape is from the one in question."""

    id: str
    distance: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Doubt(_Stretch):
    """An annotation whose label looks wrong to models that had not seen it.

    `probabilities` are theirs of every class, `likely_label` what they say instead (`O`: nothing), and `doubt` (0..1,
    above 0.5) by how much. `similar` are annotated spans of the likely label, the most similar first.
    """

    id: str
    likely_label: Text
    doubt: Share
    probabilities: dict[Text, Share]
    similar: tuple[SimilarSpan, ...]


class Suggestions(Frozen):
    """What to annotate next, the most useful first, and what to look at again, the worst first."""

    suggestions: Annotated[tuple[Suggestion, ...], Field(max_length=MOST)] = ()
    review: Annotated[tuple[Doubt, ...], Field(max_length=MOST)] = ()

    def of(self, pair: str | None, timeframe: str | None, limit: int) -> Suggestions:
        """The first `limit` of each for one pair, one timeframe or both; None for any."""

        def wanted(item: _Stretch) -> bool:
            return pair in (None, item.pair) and timeframe in (None, item.timeframe)

        return Suggestions(
            suggestions=tuple(filter(wanted, self.suggestions))[:limit],
            review=tuple(filter(wanted, self.review))[:limit],
        )

    @classmethod
    def load(cls, path: Path) -> Suggestions:
        """Read a bundle's file. Raises `BundleError`."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise BundleError.at(path.name, "not suggestions", "a bundle written by candle-ml") from error
