"""Windows over candles: which are scanned, which are learned from, what of them is seen, and which of them survive."""

from __future__ import annotations

import numpy as np
from benchmarks.detection.peers.problem import Floats, Found, Integers, Problem

POINTS = 32
_SCALES = 6
_LEAST_SEEN = 10
_NEGATIVES = 8
_SAME = 0.5


def scales(spans: Integers) -> Integers:
    """Window lengths, evenly by ratio, from the shortest to the longest usual span."""
    lengths = spans[:, 2] - spans[:, 1] + 1
    low, high = np.percentile(lengths, (5, 95))
    return np.unique(np.round(np.geomspace(low, high, _SCALES)).astype(np.int64))


def scan(first: int, last: int, lengths: Integers) -> Integers:
    """Every window within `[first, last]`, `(n, 2)`; long ones at every second, third or fourth candle."""
    parts = []
    for length in lengths.tolist():
        starts = np.arange(first, last - length + 2, max(1, length // 10))
        parts.append(np.stack([starts, starts + length - 1], axis=1))
    return np.concatenate(parts)


def seen(prices: Floats, windows: Integers) -> Floats:
    """Windows of any length as `(n, 4, POINTS)`: shifted to mean 0 and scaled to standard deviation 1.

    Of windows below ten candles the candles before them are seen too.
    """
    first = np.maximum(np.minimum(windows[:, 0], windows[:, 1] - _LEAST_SEEN + 1), 0)
    place = first[:, np.newaxis] + np.linspace(0, 1, POINTS) * (windows[:, 1] - first)[:, np.newaxis]
    low = np.floor(place).astype(np.int64)
    share = (place - low)[..., np.newaxis]
    rows = prices[low] * (1 - share) + prices[np.minimum(low + 1, len(prices) - 1)] * share
    rows -= rows.mean(axis=(1, 2), keepdims=True)
    rows /= rows.std(axis=(1, 2), keepdims=True) + 1e-12
    return np.ascontiguousarray(rows.transpose(0, 2, 1))


def examples(problem: Problem, lengths: Integers, seed: int = 0) -> tuple[Integers, Integers]:
    """Windows to learn from and their labels: every span, and others that share less than half with any of them."""
    rng = np.random.default_rng(seed)
    scanned = np.concatenate([scan(first, last, lengths) for first, last in problem.reviewed.tolist()])
    others = scanned[best_overlap(scanned, problem.spans) < _SAME]
    chosen = rng.choice(len(others), min(len(others), _NEGATIVES * len(problem.spans)), replace=False)
    windows = np.concatenate([problem.spans[:, 1:], others[np.sort(chosen)]])
    return windows, np.concatenate([problem.spans[:, 0], np.zeros(len(chosen), dtype=np.int64)])


def best_overlap(windows: Integers, spans: Integers) -> Floats:
    """The largest intersection over union of each window with any span."""
    best = np.zeros(len(windows))
    for _, first, last in spans.tolist():
        shared = np.minimum(windows[:, 1], last) - np.maximum(windows[:, 0], first) + 1
        together = np.maximum(windows[:, 1], last) - np.minimum(windows[:, 0], first) + 1
        best = np.maximum(best, shared / together)
    return best


def survivors(windows: Integers, labels: Integers, confidence: Floats, longest: int) -> Found:
    """Greedy non-maximum suppression: the surest window first, then whichever leaves its inner four fifths alone.

    A survivor is known for good once no window that reaches into it can still come.
    """
    taken = np.zeros(int(windows.max(initial=0)) + 1, dtype=bool)
    kept = []
    for row in np.argsort(-confidence, kind="stable").tolist():
        first, last = windows[row].tolist()
        margin = (last - first + 1) // 10
        if not taken[first + margin : last + 1 - margin].any():
            taken[first + margin : last + 1 - margin] = True
            kept.append(row)
    known = windows[kept, 1] + longest - 1
    return Found(np.column_stack([labels[kept], windows[kept], known]), confidence[kept])
