"""The windows through which annotations are seen."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import NO_PATTERN, Annotation
from candle_ml.candles import Candles
from candle_ml.scores import Samples
from candle_ml_labels_windowed.geometry import Geometry, far_from
from candle_ml_labels_windowed.marks import Believed, Marks
from candle_ml_labels_windowed.options import WindowedOptions
from candle_ml_labels_windowed.truth import true_classes


def windows_of(
    marks: Marks, candles: Candles, geometry: Geometry, options: WindowedOptions, left_out: Counter[str]
) -> Samples:
    """One labelled window for each mark, in their order; counts those left out.

    Left out are patterns too far from every scale (with `fit: stretch`) and windows that reach outside the candles.
    """
    scale = geometry.scale_of(marks.length)
    last = marks.last + geometry.offset(scale, marks.length)
    pattern = np.array([label != NO_PATTERN for label in marks.labels], dtype=bool)
    far = pattern & far_from(marks.length, scale, options.length_tolerance)
    if geometry.fit == "window":
        far[:] = False
    outside = ~far & ((last < scale - 1) | (last >= len(candles)))
    left_out["far from every scale"] += int(far.sum())
    left_out["window reaches outside the candles"] += int(outside.sum())
    kept = ~far & ~outside
    return _samples(marks.take(kept), candles, last[kept], scale[kept], options)


def overlapping_windows(
    scanned: Samples, candles: Candles, believed: Believed, geometry: Geometry, options: WindowedOptions
) -> Samples:
    """Every scanned window that overlaps a pattern well, as a sample of the one that it overlaps best."""
    labelled = true_classes(scanned, candles, believed, geometry, margin=0, least=options.positives.iou)
    found = labelled.take(labelled.codes > 0)
    weights = np.array([_weight(one, options) for one in believed.patterns.annotations], dtype=np.float32)
    return found.replace(weight=weights[found.annotation])


def _samples(
    marks: Marks, candles: Candles, last: NDArray[np.int64], scale: NDArray[np.int64], options: WindowedOptions
) -> Samples:
    classes = (NO_PATTERN, *sorted(set(marks.labels) - {NO_PATTERN}))
    weights = [_weight(annotation, options) for annotation in marks.annotations]
    return Samples(
        kind="window",
        width=options.window,
        series=(candles.key,),
        classes=classes,
        series_code=np.zeros(len(marks), dtype=np.int32),
        first=last - scale + 1,
        last=last,
        scale=scale.astype(np.int32),
        known_at=candles.time[np.maximum(last, marks.last)],
        codes=np.array([classes.index(label) for label in marks.labels], dtype=np.int32),
        weight=np.array(weights, dtype=np.float32),
        annotation=np.arange(len(marks)),
        span_length=marks.length,
        annotation_ids=tuple(annotation.id for annotation in marks.annotations),
    )


def _weight(annotation: Annotation, options: WindowedOptions) -> float:
    own = options.weights.get(annotation.source, 1.0)
    return own * options.hard_negatives if annotation.label == NO_PATTERN else own
