"""From a checked request to the JSON of its answer; runs in a prediction thread."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import numpy as np

from candle_ml.candles import Candles, SeriesKey
from candle_ml.errors import DataError, Problem
from candle_ml.inference import Answer, LoadedModel, Similar, answer, answer_of
from candle_ml_server.candle_source import CandleSource
from candle_ml_server.metrics import Metrics
from candle_ml_server.model_schemas import OutOfFoldQuery
from candle_ml_server.models import ServedModel
from candle_ml_server.problems import INVALID, NO_OUT_OF_FOLD, NO_SUGGESTIONS, ProblemError
from candle_ml_server.rendering import out_of_fold_response, predict_response, suggest_response
from candle_ml_server.schemas import BatchRangeRequest, PredictRequest
from candle_ml_server.series import request_candles, series_key
from candle_ml_server.settings import Settings
from candle_ml_server.suggest_schemas import SuggestQuery
from candle_ml_server.timed import timed

_DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class StoredRange:
    """The candles that open from `start` to `end` (Unix seconds), with what stands before and behind them."""

    candles: Candles
    start: int
    end: int


class Predictions:
    """Answers predict requests by the model that each is given."""

    def __init__(self, settings: Settings, source: CandleSource, metrics: Metrics) -> None:
        self._settings = settings
        self._source = source
        self._metrics = metrics

    def of_candles(self, model: ServedModel, request: PredictRequest, deadline: float) -> bytes:
        """The JSON of a `PredictResponse` for the candles of a request. Raises `ProblemError`."""
        self._check_timeframe(model, request.timeframe)
        key = series_key(request.pair, request.timeframe)
        candles = request_candles(request.candles, key, self._settings.candle_limit)
        found = _answer(timed(model.loaded, deadline), candles, request.threshold, request.predict_from)
        return self._rendered(model, candles, found, request.include)

    def stored(self, model: ServedModel, request: BatchRangeRequest) -> StoredRange:
        """The candles of a range from the service's own source. Raises `ProblemError`."""
        self._check_timeframe(model, request.timeframe)
        start, end = _bounds("start_date", request.start_date, "end_date", request.end_date)
        candles = self._source.candles(series_key(request.pair, request.timeframe))
        first, last = candles.index_range(start, end)
        self._check_range(candles, first, last)
        info = model.loaded.info
        # The candles behind the range settle what its last ones would otherwise leave open.
        part = candles[max(0, first - info.required_history) : last + 1 + info.delay]
        return StoredRange(part, int(candles.time[first]), int(candles.time[last]))

    def of_range(self, model: ServedModel, request: BatchRangeRequest, stored: StoredRange, deadline: float) -> bytes:
        """The JSON of a `PredictResponse` for stored candles. Raises `ProblemError`."""
        found = _answer(timed(model.loaded, deadline), stored.candles, request.threshold, stored.start)
        return self._rendered(model, stored.candles, _until(found, stored.end), request.include)

    def of_stored(self, model: ServedModel, query: OutOfFoldQuery) -> bytes:
        """The JSON of an `OutOfFoldResponse` for candles of the training range. Raises `ProblemError`."""
        start, end = _bounds("start", query.start, "end", query.end)
        key = series_key(query.pair, query.timeframe)
        stored = model.loaded.out_of_fold
        if stored is None or key not in stored.series:
            raise ProblemError.listing(NO_OUT_OF_FOLD, (_nothing_stored(model, key),))
        rows = stored.rows(key, start, end)
        self._check_count("end", len(rows))
        found = answer_of(model.loaded.info, rows, query.threshold)
        return out_of_fold_response(model.loaded.info, model.version.version, found, stored.origin)

    def suggested(self, model: ServedModel, query: SuggestQuery) -> bytes:
        """The JSON of a `SuggestResponse`. Raises `ProblemError` where the model's bundle has no suggestions."""
        stored = model.loaded.suggestions
        if stored is None:
            found = f"version {model.version.version} has no suggestions"
            problem = Problem("model", found, "one that was trained with suggest.enabled")
            raise ProblemError.listing(NO_SUGGESTIONS, (problem,))
        wanted = stored.of(query.pair, query.timeframe, query.limit)
        return suggest_response(model.loaded.info, model.version.version, wanted)

    def _rendered(self, model: ServedModel, candles: Candles, found: Answer, extras: Collection[str]) -> bytes:
        self._metrics.count_labels(found.label)
        similar = _similar(model.loaded, candles, found) if "similar" in extras else None
        return predict_response(model.loaded.info, model.version.version, found, extras, similar)

    def _check_timeframe(self, model: ServedModel, timeframe: str) -> None:
        trained = model.loaded.info.timeframes
        if timeframe not in trained and not self._settings.allow_other_timeframes:
            expected = f"candles of {' or '.join(trained)}, on which the model was trained"
            raise ProblemError.invalid("timeframe", repr(timeframe), expected)

    def _check_range(self, candles: Candles, first: int, last: int) -> None:
        if last < first:
            covered = f"{_iso(int(candles.time[0]))} to {_iso(int(candles.time[-1]))}"
            raise ProblemError.invalid("start_date", "no candles in this range", f"{candles.key} has {covered}")
        self._check_count("end_date", last - first + 1)

    def _check_count(self, where: str, count: int) -> None:
        most = self._settings.candle_limit
        if count > most:
            raise ProblemError.invalid(where, f"{count} candles in this range", f"at most {most}")


def _bounds(start_name: str, start: str | int, end_name: str, end: str | int) -> tuple[int, int]:
    """The first and the last Unix second of a range, whose end includes all of a UTC date. Raises `ProblemError`."""
    first = start if isinstance(start, int) else _midnight(start_name, start)
    last = end if isinstance(end, int) else _midnight(end_name, end) + _DAY_SECONDS - 1
    if last < first:
        raise ProblemError.invalid(end_name, f"before {start_name} {start}", "a later time")
    return first, last


def _midnight(where: str, text: str) -> int:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ProblemError.invalid(where, repr(text), "a date of the calendar such as 2024-01-31") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _nothing_stored(model: ServedModel, key: SeriesKey) -> Problem:
    stored = model.loaded.out_of_fold
    there = [] if stored is None else list(map(str, stored.series))
    if not there:
        found = f"version {model.version.version} has no out-of-fold predictions"
        return Problem("model", found, "one that was trained with evaluation.enabled")
    return Problem("pair", f"nothing stored of {key}", f"one of: {', '.join(there[:20])}")


def _answer(loaded: LoadedModel, candles: Candles, threshold: float | None, predict_from: int | None) -> Answer:
    needed = loaded.info.needs_volume
    if needed and candles.volume is None:
        raise ProblemError.invalid("candles.volume", "nothing", f"volume, which {', '.join(needed)} needs")
    try:
        return answer(loaded, candles, threshold, predict_from)
    except DataError as error:
        raise ProblemError.of(INVALID, error) from None


def _similar(loaded: LoadedModel, candles: Candles, found: Answer) -> list[tuple[Similar, ...]]:
    """Those of each span; none of any where the bundle is older than they are."""
    return [()] * len(found.spans) if loaded.exemplars is None else loaded.exemplars.like(candles, found.spans)


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
