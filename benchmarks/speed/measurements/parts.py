"""Where the time of one `/predict` of 500 candles goes, before and after HTTP: each part of the whole.

The parts are those that a prediction thread runs, in their order, each timed by itself on the same request; the whole
is the thread's work from the bytes of the body to the bytes of the answer. What HTTP, the log and the counters add is
the rest of `request`. Time of one thread on one core.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.speed.bench import Bench
from benchmarks.speed.project import Project, request_body
from benchmarks.speed.results import Row
from benchmarks.speed.timing import by_turns, first_core, on_cores, ratio

from candle_ml.candles import Candles
from candle_ml.inference import answer_of
from candle_ml.samples import with_history
from candle_ml.scores import Scores
from candle_ml_server.reading import read_body
from candle_ml_server.rendering import predict_response
from candle_ml_server.schemas import PredictRequest
from candle_ml_server.series import request_candles

NAME = "parts"
_MOST_CANDLES = 500_000
_TURNS = 5
_WHOLE = "all of them, one after the other"


def measure(bench: Bench) -> Iterator[Row]:
    """Every part of the request, by kind of model."""
    for model in ("xgboost", "random-forest"):
        works = _parts(bench.project(model))
        with on_cores(first_core()):
            seconds = by_turns(works, _TURNS * bench.sizes.repeats, time.thread_time)
        milliseconds = {name: [1000 * each for each in all_] for name, all_ in seconds.items()}
        whole = milliseconds.pop(_WHOLE)
        for name, part in milliseconds.items():
            yield ratio(NAME, f"one request, {model}: {name}", part, whole, "ms")


def _parts(project: Project) -> dict[str, Callable[[], object]]:
    body = request_body(project.asked())
    loaded, key = project.loaded, project.asked().key
    predictor = loaded.predictor
    recipe, encoder = predictor.recipe, predictor.recipe.encoder

    def read() -> PredictRequest:
        return read_body(PredictRequest, body, _MOST_CANDLES)

    def columns(request: PredictRequest) -> Candles:
        return request_candles(request.candles, key, _MOST_CANDLES)

    def rest(candles: Candles) -> bytes:
        return predict_response(loaded.info, 1, answer_of(loaded.info, predictor.predict(candles)), ())

    request = read()
    candles = columns(request)
    series = {key: recipe.features(candles)}
    samples = with_history(encoder.candidates(candles), recipe.plan)
    matrix = recipe.matrix(series, samples)
    scores = Scores(predictor.classes, predictor.calibrator.apply(predictor.model.predict_proba(matrix)))
    prediction = predictor.predict(candles)
    answer = answer_of(loaded.info, prediction)
    return {
        "reading and checking JSON": read,
        "columns of candles, checked": partial(columns, request),
        "features": partial(recipe.features, candles),
        "windows and model": partial(predictor.model.predict_proba, matrix),
        "decoding": partial(encoder.decode, candles, samples, scores, predictor.params),
        "labels and status": partial(answer_of, loaded.info, prediction),
        "writing JSON": partial(predict_response, loaded.info, 1, answer, ()),
        _WHOLE: lambda: rest(columns(read())),
    }
