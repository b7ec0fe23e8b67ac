"""What each part of the configuration for patterns of any length brings: left out, and alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "scales": ("labels.scales=[24]",),
    "kernels": ("features.use=[candle-shape, window-shape]",),
    "overlapping-positives": ("labels.positives.windows=nearest",),
    "overlapping-negatives": ("labels.negatives={clear: extent, ratio: 3.0}",),
    "smoothing": ("labels.smoothing=0",),
    "folds": ("split={train: 0.7, validation: 0, calibration: 0.2, test: 0.1}", "calibration.folds=0"),
    "random-features": ("model={use: xgboost, refit: true}",),
}
"""Parts of `any-length.yaml`, and the overrides that take each back to what the default configuration does."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The configuration with some parts left out; `name` ends that of candle-ml in the table."""

    name: str
    overrides: tuple[str, ...]


def variants() -> Iterator[Variant]:
    """All parts, all but one, and one alone."""
    yield Variant("any-length", ())
    for part in LEFT_OUT:
        yield Variant(f"without-{part}", LEFT_OUT[part])
    for part in LEFT_OUT:
        others = (overrides for other, overrides in LEFT_OUT.items() if other != part)
        yield Variant(f"only-{part}", tuple(override for overrides in others for override in overrides))
