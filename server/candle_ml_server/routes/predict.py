"""`POST /predict` and `POST /predict/batch`."""

from __future__ import annotations

from pydantic_core import to_json
from quart import Blueprint, Response

from candle_ml_server.limits import json_body
from candle_ml_server.models import ServedModel
from candle_ml_server.problems import ProblemError
from candle_ml_server.reading import checked, parsed, read_body, validated
from candle_ml_server.schemas import BatchInlineRequest, BatchRangeRequest, PredictRequest
from candle_ml_server.service import BULK_BYTES, BULK_CANDLES, Service, json_response


def predict_routes(service: Service) -> Blueprint:
    """The routes that predict. Every request keeps the model that was served when it began."""
    routes = Blueprint("predict", __name__)
    most = service.settings.candle_limit

    @routes.post("/predict")
    async def predict() -> Response:
        model = service.holder.served()
        body = await json_body()
        deadline = service.deadline()

        def work() -> bytes:
            return service.predictions.of_candles(model, read_body(PredictRequest, body, most), deadline)

        return json_response(await service.compute(work, deadline, len(body) > BULK_BYTES))

    @routes.post("/predict/batch")
    async def predict_batch() -> Response:
        model = service.holder.served()
        body = await json_body()
        deadline = service.deadline()
        bulk = len(body) > BULK_BYTES
        request = await service.compute(lambda: _batch_request(body, most), deadline, bulk)
        if isinstance(request, BatchRangeRequest):
            return json_response(await _ranged(service, model, request, deadline))
        with service.pool.admission(bulk):
            return json_response(await _inline(service, model, request, deadline, bulk))

    return routes


def _batch_request(body: bytes, most: int) -> BatchRangeRequest | BatchInlineRequest:
    content = parsed(body, most)
    inline = isinstance(content, dict) and "requests" in content
    return checked(BatchInlineRequest, body, content) if inline else checked(BatchRangeRequest, body, content)


async def _ranged(service: Service, model: ServedModel, request: BatchRangeRequest, deadline: float) -> bytes:
    """Files are read by threads of their own, since one that reads many would keep predictions waiting."""
    with service.reading.admission():
        stored = await service.reading.run(lambda: service.predictions.stored(model, request), deadline)
    bulk = len(stored.candles) > BULK_CANDLES
    return await service.compute(lambda: service.predictions.of_range(model, request, stored, deadline), deadline, bulk)


async def _inline(
    service: Service, model: ServedModel, request: BatchInlineRequest, deadline: float, bulk: bool
) -> bytes:
    """Every element by itself and in order, so that others' requests get a thread between two of them."""
    results = []
    for index, element in enumerate(request.requests):

        def work(element: object = element) -> bytes:
            return service.predictions.of_candles(model, validated(PredictRequest, element), deadline)

        try:
            results.append(await service.pool.run(work, deadline, bulk))
        except ProblemError as error:
            results.append(to_json({**error.content(), "index": index}))
    return b'{"results":[' + b",".join(results) + b"]}"
