"""From a checked request to the JSON of its answer; runs in a prediction thread."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from candle_ml.candles import Candles
from candle_ml.errors import DataError
from candle_ml.inference import Answer, answer
from candle_ml_server.candle_source import CandleSource
from candle_ml_server.metrics import Metrics
from candle_ml_server.models import ServedModel
from candle_ml_server.problems import INVALID, ProblemError
from candle_ml_server.rendering import predict_response
from candle_ml_server.schemas import BatchRangeRequest, PredictRequest
from candle_ml_server.series import request_candles, series_key
from candle_ml_server.settings import Settings

_DAY_SECONDS = 86400


class Predictions:
    """Answers predict requests by the model that each is given."""

    def __init__(self, settings: Settings, source: CandleSource, metrics: Metrics) -> None:
        self._settings = settings
        self._source = source
        self._metrics = metrics

    def of_candles(self, model: ServedModel, request: PredictRequest) -> bytes:
        """The JSON of a `PredictResponse` for the candles of a request. Raises `ProblemError`."""
        self._check_timeframe(model, request.timeframe)
        key = series_key(request.pair, request.timeframe)
        candles = request_candles(request.candles, key, self._settings.candle_limit)
        found = _answer(model, candles, request.threshold, request.predict_from)
        return self._rendered(model, found, request.include)

    def of_range(self, model: ServedModel, request: BatchRangeRequest) -> bytes:
        """The JSON of a `PredictResponse` for stored candles, with history in front. Raises `ProblemError`."""
        self._check_timeframe(model, request.timeframe)
        start, end = first_second(request.start_date), last_second(request.end_date)
        if end < start:
            raise ProblemError.invalid("end_date", f"before start_date {request.start_date}", "a later time")
        candles = self._source.candles(series_key(request.pair, request.timeframe))
        first, last = candles.index_range(start, end)
        self._check_range(candles, first, last)
        info = model.loaded.info
        # The candles behind the range settle what its last ones would otherwise leave open.
        part = candles[max(0, first - info.required_history) : last + 1 + info.delay]
        found = _until(_answer(model, part, request.threshold, int(candles.time[first])), int(candles.time[last]))
        return self._rendered(model, found, request.include)

    def _rendered(self, model: ServedModel, found: Answer, extras: Collection[str]) -> bytes:
        self._metrics.count_labels(found.label)
        return predict_response(model.loaded.info, model.version.version, found, extras)

    def _check_timeframe(self, model: ServedModel, timeframe: str) -> None:
        trained = model.loaded.info.timeframes
        if timeframe not in trained and not self._settings.allow_other_timeframes:
            expected = f"{', '.join(trained)}, which the model was trained on"
            raise ProblemError.invalid("timeframe", repr(timeframe), expected)

    def _check_range(self, candles: Candles, first: int, last: int) -> None:
        most = self._settings.candle_limit
        if last < first:
            covered = f"{_iso(int(candles.time[0]))} to {_iso(int(candles.time[-1]))}"
            raise ProblemError.invalid("start_date", "no candles in this range", f"{candles.key} has {covered}")
        if last - first + 1 > most:
            raise ProblemError.invalid("end_date", f"{last - first + 1} candles in this range", f"at most {most}")


def first_second(time: str | int) -> int:
    """The first Unix second of a UTC date; a number as it is. Raises `ProblemError` (422)."""
    return time if isinstance(time, int) else int(_midnight(time, "start_date").timestamp())


def last_second(time: str | int) -> int:
    """The last Unix second of a UTC date; a number as it is. Raises `ProblemError` (422)."""
    return time if isinstance(time, int) else int(_midnight(time, "end_date").timestamp()) + _DAY_SECONDS - 1


def _midnight(text: str, where: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ProblemError.invalid(where, repr(text), "a date of the calendar such as 2024-01-31") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _answer(model: ServedModel, candles: Candles, threshold: float | None, predict_from: int | None) -> Answer:
    needed = model.loaded.info.needs_volume
    if needed and candles.volume is None:
        raise ProblemError.invalid("candles.volume", "nothing", f"volume, which {', '.join(needed)} needs")
    try:
        return answer(model.loaded, candles, threshold, predict_from)
    except DataError as error:
        raise ProblemError.of(INVALID, error) from None


def _until(found: Answer, end_time: int) -> Answer:
    """The candles that open up to a time, with the spans that begin in them."""
    count = int(np.searchsorted(found.prediction.time, end_time, side="right"))
    kept = found.prediction
    shorter = replace(
        kept,
        time=kept.time[:count],
        probabilities=kept.probabilities[:count],
        sufficient=kept.sufficient[:count],
        provisional=kept.provisional[:count],
        spans=tuple(span for span in kept.spans if span.start_time <= end_time),
    )
    return replace(
        found,
        prediction=shorter,
        label=found.label[:count],
        confidence=found.confidence[:count],
        status=found.status[:count],
        spans=tuple(span for span in found.spans if span.start_time <= end_time),
        insufficient_history=int(np.count_nonzero(~shorter.sufficient)),
    )


def _iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")
