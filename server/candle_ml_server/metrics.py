"""What Prometheus can ask: requests, latency, queue, the served model, predictions by label."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters of one service, in a registry of its own."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "candle_ml_requests", "Requests answered", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "candle_ml_request_seconds", "Time to answer", ("route",), buckets=_SECONDS, registry=self._registry
        )
        self._labels = Counter(
            "candle_ml_predictions", "Candles predicted, by label", ("label",), registry=self._registry
        )
        self._model = Gauge(
            "candle_ml_model_info", "The served model", ("name", "version", "run_id"), registry=self._registry
        )
        self._swaps = Counter("candle_ml_model_swaps", "Models loaded and served", registry=self._registry)
        queue = Gauge("candle_ml_queue_depth", "Predictions that wait for a thread", registry=self._registry)
        queue.set_function(waiting)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request; `route` is a rule, never a path, so that nobody can make labels at will."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_labels(self, labels: Iterable[str | None]) -> None:
        """One predicted candle each; None is too little history."""
        for label, count in Tally(labels).items():
            self._labels.labels("insufficient_history" if label is None else label).inc(count)

    def set_model(self, name: str, version: str, run_id: str) -> None:
        """The model that is served from now on."""
        self._model.clear()
        self._model.labels(name, version, run_id).set(1)
        self._swaps.inc()

    def text(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)
