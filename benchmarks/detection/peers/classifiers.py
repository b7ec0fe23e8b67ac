"""Classifiers on windows: normalised ones at several scales, and the usual one window of raw prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.detection.peers.problem import Finder, Floats, Found, Integers, Problem
from benchmarks.detection.peers.windows import examples, scales, scan, seen, survivors

_BATCH = 4096
_RAW = 30

Classifier = Any
"""Anything with `fit`, `classes_`, and `predict_proba` or `decision_function`, on `(n, 4, POINTS)` windows."""


def random_forest() -> Classifier:
    """A forest on flattened windows."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    forest = RandomForestClassifier(400, class_weight="balanced_subsample", n_jobs=1, random_state=0)
    return make_pipeline(FunctionTransformer(_flat), forest)


def mini_rocket() -> Classifier:
    """MiniRocket and a ridge classifier (Dempster, Schmidt and Webb 2021)."""
    from aeon.transformations.collection.convolution_based import MiniRocket  # type: ignore[import-not-found]
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ridge = RidgeClassifierCV(np.logspace(-3, 5, 17), class_weight="balanced")
    return make_pipeline(MiniRocket(random_state=0), StandardScaler(), ridge)


def quant() -> Classifier:
    """QUANT: quantiles of intervals and extremely randomised trees (Dempster, Schmidt and Webb 2024)."""
    import torch  # type: ignore[import-not-found]
    from aeon.classification.interval_based import QUANTClassifier  # type: ignore[import-not-found]

    torch.set_num_threads(1)
    return QUANTClassifier(class_weight="balanced", random_state=0)


def _flat(rows: Floats) -> Floats:
    return rows.reshape(len(rows), -1)


def _by_class(classifier: Classifier, rows: Floats, labels: int) -> Floats:
    """How sure the classifier is of each label, `(n, labels + 1)`, in batches."""
    sure = classifier.predict_proba if hasattr(classifier, "predict_proba") else classifier.decision_function
    parts = [sure(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)]
    scores = np.full((len(rows), labels + 1), -np.inf)
    scores[:, classifier.classes_] = np.concatenate(parts)
    return scores


@dataclass(frozen=True)
class ManyScales:
    """Normalised windows at several scales, and non-maximum suppression over all of them."""

    build: Callable[[], Classifier]

    def fit(self, problem: Problem) -> Finder:
        """Learn from every span as it was marked."""
        lengths = scales(problem.spans)
        windows, labels = examples(problem, lengths)
        classifier = self.build()
        classifier.fit(seen(problem.prices, windows), labels)
        return _ManyScalesFinder(classifier, lengths, problem.labels)


@dataclass(frozen=True)
class _ManyScalesFinder:
    classifier: Classifier
    lengths: Integers
    labels: int

    def find(self, prices: Floats, first: int, last: int) -> Found:
        windows = scan(first, last, self.lengths)
        scores = _by_class(self.classifier, seen(prices, windows), self.labels)
        best = 1 + np.argmax(scores[:, 1:], axis=1)
        confidence = scores[np.arange(len(windows)), best] - scores[:, 0]
        return survivors(windows, best, confidence, int(self.lengths[-1]))


@dataclass(frozen=True)
class RawWindow:
    """The usual way: one centred window of 30 candles a span, raw prices flattened, a forest.

    Runs of candles of one class are found; each gives the window at its surest candle.
    """

    def fit(self, problem: Problem) -> Finder:
        """Learn from the window around each span's middle."""
        windows, labels = examples(problem, np.array([_RAW]))
        centre = windows.sum(axis=1) // 2
        inside = (centre >= _RAW // 2) & (centre + _RAW // 2 <= len(problem.prices))
        forest = random_forest()
        forest.fit(_raw(problem.prices, centre[inside]), labels[inside])
        return _RawFinder(forest, problem.labels)


@dataclass(frozen=True)
class _RawFinder:
    forest: Classifier
    labels: int

    def find(self, prices: Floats, first: int, last: int) -> Found:
        centre = np.arange(first + _RAW // 2, last + 2 - _RAW // 2)
        scores = _by_class(self.forest, _raw(prices, centre), self.labels)
        best = 1 + np.argmax(scores[:, 1:], axis=1)
        confidence = scores[np.arange(len(centre)), best] - scores[:, 0]
        runs = np.split(np.arange(len(centre)), np.flatnonzero(np.diff(best)) + 1)
        rows = np.array([run[np.argmax(confidence[run])] for run in runs])
        start = centre[rows] - _RAW // 2
        known = [centre[run[-1]] + _RAW // 2 for run in runs]
        return Found(np.column_stack([best[rows], start, start + _RAW - 1, known]), confidence[rows])


def _raw(prices: Floats, centre: Integers) -> Floats:
    """Raw prices of 30 candles around each centre, `(n, 4, 30)`."""
    rows: Floats = prices[centre[:, np.newaxis] + np.arange(-(_RAW // 2), _RAW - _RAW // 2)]
    return rows.transpose(0, 2, 1)
