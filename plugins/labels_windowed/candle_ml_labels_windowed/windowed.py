"""The windowed label encoder: annotations to windows, scores of windows to spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from candle_ml.annotations import Annotation, ReviewedRange
from candle_ml.candles import Candles
from candle_ml.components import Encoded, Truth
from candle_ml.predictions import Prediction
from candle_ml.samples import concatenate
from candle_ml.scores import DecodeParams, SampleKind, Samples, Scores
from candle_ml_labels_windowed.competition import Rule
from candle_ml_labels_windowed.decode import decode
from candle_ml_labels_windowed.geometry import Geometry
from candle_ml_labels_windowed.marks import Believed, believe
from candle_ml_labels_windowed.negatives import drawn, eligible
from candle_ml_labels_windowed.options import WindowedOptions
from candle_ml_labels_windowed.positives import overlapping_windows, windows_of
from candle_ml_labels_windowed.truth import overlaps, true_classes
from candle_ml_labels_windowed.windows import scan


class WindowedEncoder:
    """Windows of the configured lengths that end at each candle; see `decode` for how they become spans."""

    kind: SampleKind = "window"

    def __init__(self, options: WindowedOptions) -> None:
        self._options = options
        self._geometry = Geometry(options.lengths, options.anchor, options.fit)
        per_label = options.competition == "per_label"
        self._rule = Rule(self._geometry, per_label, options.competition_iou, options.reach)
        self.width = options.window
        self.longest_window = self._geometry.longest

    def reach(self, params: DecodeParams) -> int:
        """Candles before a candle, beyond the windows that cover it, that decide about it; see `Rule.reach`."""
        return self._rule.reach(params.lengths)

    def delay(self, params: DecodeParams) -> int:
        """Candles after a candle until its prediction is final; see `Rule.delay`."""
        return self._rule.delay(params.lengths)

    def candidates(self, candles: Candles) -> Samples:
        """Every window of every scale, unlabelled, ordered by `last`, then `scale`."""
        return scan(candles, self._geometry.scales, self.width)

    def truth(self, candles: Candles, annotations: Sequence[Annotation]) -> Truth:
        """What is trained on and scored by; see `believe`."""
        believed = believe(candles, annotations, self._options)
        return Truth(believed.every.annotations, believed.doubtful.annotations)

    def label(self, samples: Samples, candles: Candles, annotations: Sequence[Annotation]) -> Samples:
        """The same windows with true classes, -1 where neither pattern nor clearly none; see `true_classes`."""
        return self._label(samples, candles, believe(candles, annotations, self._options))

    def decode(self, candles: Candles, samples: Samples, scores: Scores, params: DecodeParams) -> Prediction:
        """Per-candle probabilities and surviving spans from the scores of this series' candidates; see `decode`."""
        return decode(candles, samples, scores, params, self._rule)

    def encode(self, candles: Candles, annotations: Sequence[Annotation], reviewed: Sequence[ReviewedRange]) -> Encoded:
        """One window for each believed annotation, and negatives drawn from the reviewed ranges, ordered by `last`."""
        believed = believe(candles, annotations, self._options)
        left_out = Counter(believed.left_out)
        positives = self._positives(candles, believed, left_out)
        hard = self._hard_negatives(candles, believed, left_out)
        drawn = self._drawn_negatives(candles, believed, reviewed, (positives, hard), left_out)
        samples = concatenate((positives, hard, drawn))
        order = np.lexsort((samples.annotation, samples.scale, samples.last))
        return Encoded(samples.take(order), dict(sorted((+left_out).items())))

    def _positives(self, candles: Candles, believed: Believed, left_out: Counter[str]) -> Samples:
        """The windows of patterns; a pattern that no window overlaps well is counted."""
        if self._options.positives.windows == "nearest":
            return windows_of(believed.patterns, candles, self._geometry, self._options, left_out)
        found = overlapping_windows(self.candidates(candles), candles, believed, self._geometry, self._options)
        left_out["far from every scale"] += len(believed.patterns) - len(np.unique(found.annotation))
        return found

    def _label(self, samples: Samples, candles: Candles, believed: Believed) -> Samples:
        return true_classes(samples, candles, believed, self._geometry, self._options.negatives.margin)

    def _hard_negatives(self, candles: Candles, believed: Believed, left_out: Counter[str]) -> Samples:
        """The windows of believed `O` annotations, but for those that are the windows of a pattern."""
        hard = windows_of(believed.nothing, candles, self._geometry, self._options, left_out)
        contradicted = self._label(hard, candles, believed).codes > 0
        left_out["contradicted"] += int(contradicted.sum())
        return hard.take(~contradicted)

    def _drawn_negatives(
        self,
        candles: Candles,
        believed: Believed,
        reviewed: Sequence[ReviewedRange],
        others: tuple[Samples, Samples],
        left_out: Counter[str],
    ) -> Samples:
        options = self._options.negatives
        every = self.candidates(candles)
        labelled = self._label(every, candles, believed)
        overlap = overlaps(every, believed, self._geometry)
        pool = eligible(labelled, overlap, candles, believed, reviewed, options, left_out)
        pool &= ~_taken(every, others[1])
        wanted = max(options.minimum, ceil(options.ratio * len(others[0])))
        rows = drawn(labelled, candles, pool, wanted, options)
        left_out["window beyond the ratio"] += int(pool.sum()) - len(rows)
        return every.take(rows).replace(codes=np.zeros(len(rows), dtype=np.int32))


def _taken(windows: Samples, others: Samples) -> NDArray[np.bool_]:
    """Which windows stand among the others too."""
    return np.isin(_identity(windows), _identity(others))


def _identity(samples: Samples) -> NDArray[np.int64]:
    return samples.last << 32 | samples.scale
