"""The section `tune`: which values `candle-ml tune` tries, and by which score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field, JsonValue

from candle_ml.config.section import Section

Metric = Literal["span_f1", "macro_f1", "macro_f1_patterns", "average_precision"]

_Number = TypeVar("_Number", int, float)
_Pair = Annotated[tuple[_Number, ...], Field(min_length=2, max_length=2)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class SearchSpace(Section):
    """The values that one key is tried with: those of one of `int`, `float` and `choice`."""

    whole: _Pair[int] | None = Field(default=None, alias="int")
    """Least and greatest whole number."""
    number: _Pair[_Finite] | None = Field(default=None, alias="float")
    """Least and greatest number."""
    choice: Annotated[tuple[JsonValue, ...], Field(min_length=2)] | None = None
    """The values themselves; each may be anything that the key can say."""
    log: bool = False
    """Of `int` and `float`: try as many values from 0.01 to 0.1 as from 0.1 to 1."""
    step: int = Field(default=1, ge=1)
    """Of `int`: the distance between values."""

    @property
    def ends(self) -> _Pair[int] | _Pair[_Finite] | None:
        """Least and greatest number; None of choices."""
        return self.whole or self.number

    @property
    def texts(self) -> tuple[str, ...]:
        """The choices, or both ends, as `--set` takes them."""
        return tuple(json.dumps(value) for value in self.ends or self.choice or ())

    def problems(self) -> Iterator[str]:
        """What of it does not go together."""
        given = (("int", self.whole), ("float", self.number), ("choice", self.choice))
        names = [name for name, values in given if values is not None]
        if len(names) != 1:
            yield f"{' and '.join(names) or 'no values'}; give one of int, float and choice"
        else:
            yield from self._problems(self.ends)

    def _problems(self, ends: Sequence[float] | None) -> Iterator[str]:
        if ends is None:
            yield from (f"{text} is there {count} times" for text, count in Counter(self.texts).items() if count > 1)
            if self.log:
                yield "log goes with int or float"
        elif ends[0] >= ends[1]:
            yield f"from {ends[0]:g} to {ends[1]:g}; the first has to be the smaller"
        elif self.log and ends[0] <= 0:
            yield f"log from {ends[0]:g}; it needs numbers above 0"
        if self.step > 1 and (self.whole is None or self.log):
            yield "step goes with int, without log"
        elif self.whole is not None and (self.whole[1] - self.whole[0]) % self.step:
            yield f"steps of {self.step} do not lead from {self.whole[0]} to {self.whole[1]}"


class TuneSection(Section):
    """What `candle-ml tune` tries."""

    trials: int = Field(default=50, ge=1, le=100_000)
    """How many combinations of values are tried, those of earlier calls included."""
    metric: Metric = "span_f1"
    """The score that is to become high, a mean over folds of the train block: macro F1 of spans, of candles, or of
    candles without the class O; or the mean average precision of the patterns' candles, which needs no thresholds."""
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)
    """Start of the search; null: that of the pipeline."""
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds of one call after which no further trial is begun; null: no limit."""
    pruning: bool = True
    """Give a trial up whose mean over the folds so far is below the median of the finished ones."""
    search: dict[str, SearchSpace] = Field(default={})
    """The values to try by the key that they are for, written as `--set` takes it."""
