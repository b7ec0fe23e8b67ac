"""Options of the windowed label encoder."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from candle_ml.components import Options

Length = Annotated[int, Field(ge=1)]
Reach = Annotated[int, Field(ge=0, le=16)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_APART = 1.4
_UNUSUAL = 0.03
_MOST_SMOOTHING = 2

SOURCES = ["human", "model_corrected", "human_correction", "model_confirmed", "model", "programmatic", "talib"]
"""Every source that annotations are known to have, from the most to the least believed."""


class NegativeOptions(Options):
    """Which reviewed windows without a pattern are trained on."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    ratio: Weight = 3.0
    """Negatives for every positive of the series, as far as there are so many."""
    minimum: int = Field(default=20, ge=0)
    """At least so many negatives of every series, whatever the ratio."""
    margin: int = Field(default=3, ge=0)
    """Candles that a negative keeps away from every annotation."""
    clear: Literal["extent", "window", "overlap"] = "extent"
    """What must be clear of annotations: `extent`, the candles that the window would claim for a pattern (so the model
    also learns that a pattern seen earlier in its window is over), `window`, every candle of it, or with `overlap`
    nothing: windows that hold a part of a pattern, or much besides it, are negatives as well."""
    iou: float = Field(default=0.4, gt=0, le=0.5)
    """With `overlap`: intersection over union with every pattern that a negative stays below."""
    near: float = Field(default=0.4, ge=0, le=1)
    """With `overlap`: share of the negatives that come within `margin` of a pattern, as far as there are so many."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Start of the draw. It is made by candle index: shifted times or multiplied prices draw the same windows."""


class PositiveOptions(Options):
    """Through which windows a pattern is learned."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    windows: Literal["nearest", "overlapping"] = "nearest"
    """`nearest`: one window a span. `overlapping`: every scanned window that overlaps the span well, so that the model
    knows it a little too early, late, short and long as well."""
    iou: float = Field(default=0.65, ge=0.5, le=1)
    """With `overlapping`: least intersection over union of window and span."""


class WindowedOptions(Options):
    """Windows of fixed length, one row each."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    window: Length = 24
    """Candles of a row (N)."""
    scales: list[Length] | Literal["auto"] = Field(default=[])
    """Window lengths that are scanned, in candles; empty: N only; `auto`: from the shortest to the longest usual length
    of the annotations that are trained on. Other lengths are averaged or repeated to N."""
    anchor: Literal["end", "center"] = "end"
    """`end`: the window ends where the span ends, so that it can be formed live. `center`: the window's middle is the
    span's; it holds later candles, and a prediction is known only when they are."""
    fit: Literal["window", "stretch"] = "window"
    """`window`: a span of any length is seen through the one scale, and predicted with its label's typical length.
    `stretch`: it is seen through the scale nearest to its length, and predicted as long as that."""
    length_tolerance: float = Field(default=2.0, ge=1, allow_inf_nan=False)
    """With `stretch`: how many times longer or shorter than the nearest scale a span may be; others are left out."""
    positives: PositiveOptions = PositiveOptions()
    """Windows of the annotated patterns."""
    negatives: NegativeOptions = NegativeOptions()
    """Windows without a pattern, drawn from the reviewed ranges."""
    hard_negatives: Weight = 1.0
    """Weight of an annotation `O` ("nothing here"), times that of its source. All of them are trained on."""
    minimum_confidence: float = Field(default=0.0, ge=0, le=1)
    """Annotations below it are neither pattern nor negative; one without confidence counts as sure."""
    precedence: list[str] = Field(default=SOURCES)
    """Sources from the most to the least believed; those not named come last. Within a source the higher confidence
    (none is lowest), then the later id is believed."""
    weights: dict[str, Weight] = Field(default={})
    """Weight of the samples of a source; 1 where it is not named."""
    overlap: Literal["prefer", "keep"] = "prefer"
    """Two labels on the same candles: `prefer` the more believed, or `keep` both. Between a pattern and an `O` the more
    believed always wins."""
    overlap_iou: float = Field(default=0.5, ge=0, lt=1)
    """Intersection over union above which two annotations are on the same candles."""
    smoothing: Reach | Literal["auto"] = 0
    """Each window's scores are the mean over the windows that start and end at most so many candles away from it. A
    prediction waits as many candles longer. `auto`: an eighth of the middle scale, at most two."""
    competition: Literal["across_labels", "per_label"] = "across_labels"
    """Which proposals exclude each other at prediction: all, or only those of one label."""
    competition_iou: float = Field(default=0.0, ge=0, lt=1)
    """Intersection over union above which two proposals exclude each other."""

    @model_validator(mode="after")
    def _one_scale_for_fit_window(self) -> Self:
        if self.fit == "window" and (self.scales == "auto" or len(self.lengths) > 1):
            found = self.scales if self.scales == "auto" else list(self.lengths)
            raise ValueError(f"scales {found} with fit 'window'; give one scale, or write fit: stretch")
        return self

    def settled(self, lengths: Sequence[int]) -> Self:
        """The same with numbers for `auto`; without any length `scales` is `window`."""
        scales = self.scales if self.scales != "auto" else scales_for(lengths) or [self.window]
        middle = sorted(scales)[len(scales) // 2] if scales else self.window
        smoothing = self.smoothing if self.smoothing != "auto" else min(middle // 8, _MOST_SMOOTHING)
        return self.model_copy(update={"scales": scales, "smoothing": smoothing})

    @property
    def lengths(self) -> tuple[int, ...]:
        """The window lengths that are scanned, ascending, each once; N as long as `auto` is not settled."""
        return tuple(sorted(set(() if self.scales == "auto" else self.scales))) or (self.window,)

    @property
    def reach(self) -> int:
        """Candles that scores are smoothed over; 0 as long as `auto` is not settled."""
        return 0 if self.smoothing == "auto" else self.smoothing


def scales_for(lengths: Sequence[int]) -> list[int]:
    """Window lengths from the shortest to the longest usual one of `lengths`, at most about 1.4 times apart."""
    if not lengths:
        return []
    ordered = sorted(lengths)
    unusual = int(_UNUSUAL * len(ordered))
    low, high = ordered[unusual], ordered[-1 - unusual]
    steps = ceil(log(high / low) / log(_APART))
    return sorted({round(low * (high / low) ** (step / max(steps, 1))) for step in range(steps + 1)})
