"""The label encoder `inside-outside`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from acme_sequence.options import InsideOutsideOptions
from candle_ml.annotations import NO_PATTERN, Annotation, ReviewedRange
from candle_ml.candles import Candles
from candle_ml.components import Encoded, Truth
from candle_ml.predictions import PredictedSpan, Prediction
from candle_ml.scores import UNLABELLED, DecodeParams, SampleKind, Samples, Scores


class InsideOutside:
    """A window ends at every candle; what is said of a candle is what the window that ends there says of its last."""

    kind: SampleKind = "sequence"

    def __init__(self, options: InsideOutsideOptions) -> None:
        self.width = options.window
        self.longest_window = options.window
        self._stride = options.stride

    def reach(self, params: DecodeParams) -> int:
        """A run of candles starts where the candle before says something else."""
        return 1

    def delay(self, params: DecodeParams) -> int:
        """A run ends where the candle after says something else."""
        return 1

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """Windows at every `stride` candles that lie within one reviewed range."""
        every = self.label(self.candidates(candles), candles, annotations)
        inside = np.zeros(len(every), dtype=bool)
        for item in reviewed:
            first, last = candles.index_range(item.start_time, item.end_time)
            inside |= (every.first >= first) & (every.last <= last)
        inside &= every.last % self._stride == 0
        return Encoded(every.take(inside), {"outside reviewed ranges": int(len(every) - inside.sum())})

    def candidates(self, candles: Candles) -> Samples:
        """One window for each candle that has enough before it."""
        last = np.arange(self.width - 1, len(candles))
        count = len(last)
        return Samples(
            kind="sequence",
            width=self.width,
            series=(candles.key,),
            classes=(NO_PATTERN,),
            series_code=np.zeros(count, dtype=np.int32),
            first=last - self.width + 1,
            last=last,
            scale=np.full(count, self.width, dtype=np.int32),
            known_at=candles.time[last],
            codes=np.full((count, self.width), UNLABELLED, dtype=np.int32),
            weight=np.ones(count, dtype=np.float32),
            annotation=np.full(count, -1),
            span_length=np.zeros(count, dtype=np.int64),
        )

    def truth(self, candles: Candles, annotations: Sequence[Annotation]) -> Truth:
        """All of them; a later one is believed before an earlier one."""
        return Truth(tuple(reversed(annotations)))

    def label(self, samples: Samples, candles: Candles, annotations: Sequence[Annotation]) -> Samples:
        """Candles of an annotation carry its label, of several the last one's; all others `O`.

        A window that ends within an annotation is known when the annotation ends.
        """
        classes = (NO_PATTERN, *sorted({item.label for item in annotations} - {NO_PATTERN}))
        code = np.zeros(len(candles), dtype=np.int32)
        owner = np.full(len(candles), -1)
        length = np.zeros(len(candles), dtype=np.int64)
        known = candles.time.copy()
        for number, item in enumerate(annotations):
            first, last = candles.index_range(item.start_time, item.end_time)
            code[first : last + 1] = classes.index(item.label)
            owner[first : last + 1] = number
            length[first : last + 1] = last - first + 1
            known[first : last + 1] = np.maximum(known[first : last + 1], candles.time[last : last + 1])
        steps = samples.first[:, np.newaxis] + np.arange(self.width)
        return samples.replace(
            classes=classes,
            codes=code[steps],
            known_at=known[samples.last],
            annotation=owner[samples.last],
            span_length=length[samples.last],
            annotation_ids=tuple(item.id for item in annotations),
        )

    def decode(self, candles: Candles, samples: Samples, scores: Scores, params: DecodeParams) -> Prediction:
        """Runs of candles with the same best class are spans; their confidence is the mean over the run."""
        count = len(candles)
        probabilities = np.full((count, len(scores.classes)), np.nan)
        best = np.full(count, UNLABELLED)
        probabilities[samples.last] = scores.probabilities[:, -1]
        best[samples.last] = scores.probabilities[:, -1].argmax(axis=1)
        start = int(samples.last.min(initial=count)) + 1
        probabilities[:start] = np.nan
        position = np.arange(count)
        return Prediction(
            key=candles.key,
            classes=scores.classes,
            time=candles.time,
            probabilities=probabilities,
            sufficient=position >= start,
            provisional=position >= count - 1,
            spans=tuple(_spans(candles, scores.classes, best, probabilities, start)),
        )


def _spans(
    candles: Candles,
    classes: tuple[str, ...],
    best: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    start: int,
) -> list[PredictedSpan]:
    """The runs of a pattern whose every candle is sufficient, the one before it known."""
    edges = np.flatnonzero(np.diff(best, prepend=-2, append=-2)).tolist()
    latest = len(candles) - 1
    return [
        PredictedSpan(
            label=classes[best[first]],
            start_time=int(candles.time[first]),
            end_time=int(candles.time[after - 1]),
            confidence=float(probabilities[first:after, best[first]].mean()),
            candle_count=after - first,
            known_at=int(candles.time[min(after, latest)]),
            provisional=after > latest,
        )
        for first, after in pairwise(edges)
        if best[first] > 0 and first >= start
    ]
