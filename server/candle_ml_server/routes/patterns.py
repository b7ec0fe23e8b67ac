"""`GET /patterns/available` and `POST /patterns/detect`."""

from __future__ import annotations

from pydantic_core import to_json
from quart import Blueprint, Response

from candle_ml_server.limits import json_body
from candle_ml_server.reading import read_body
from candle_ml_server.schemas import DetectRequest
from candle_ml_server.service import BULK_BYTES, Service, json_response


def pattern_routes(service: Service) -> Blueprint:
    """The routes about TA-Lib's candle patterns."""
    routes = Blueprint("patterns", __name__)
    most = service.settings.candle_limit

    @routes.get("/patterns/available")
    async def available() -> Response:
        return json_response(await service.compute(lambda: to_json(service.patterns.available()), service.deadline()))

    @routes.post("/patterns/detect")
    async def detect() -> Response:
        body = await json_body()

        def work() -> bytes:
            return service.patterns.detect(read_body(DetectRequest, body, most))

        return json_response(await service.compute(work, service.deadline(), len(body) > BULK_BYTES))

    return routes
