"""`GET /health`, `/ready`, `/metrics` and `/openapi.json`."""

from __future__ import annotations

from quart import Blueprint, Response

from candle_ml.errors import Problem
from candle_ml_server.metrics import CONTENT_TYPE
from candle_ml_server.model_schemas import HealthResponse, ReadyCheck, ReadyResponse
from candle_ml_server.problems import NOT_READY, ProblemError
from candle_ml_server.service import Service, json_response, model_response


def operation_routes(service: Service, openapi: bytes) -> Blueprint:
    """The routes for those who run the service."""
    routes = Blueprint("operation", __name__)

    @routes.get("/health")
    async def health() -> Response:
        return model_response(HealthResponse(status="ok"))

    @routes.get("/ready")
    async def ready() -> Response:
        return model_response(readiness(service))

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), content_type=CONTENT_TYPE)

    @routes.get("/openapi.json")
    async def document() -> Response:
        return json_response(openapi)

    return routes


def readiness(service: Service) -> ReadyResponse:
    """What works. Raises `ProblemError` (503) where predictions cannot or should no longer be asked for."""
    if service.draining:
        raise ProblemError.listing(NOT_READY, (Problem("service", "is stopping", "another replica"),))
    missing = _missing(service)
    if missing or service.holder.current is None:
        raise ProblemError.listing(NOT_READY, missing)
    version = service.holder.current.version
    checks = [
        ReadyCheck(name="model", ok=True, detail=f"version {version.version} of {version.name}"),
        _tracking(service),
        _last_load(service),
        ReadyCheck(name="state", ok=True, detail="answers"),
    ]
    return ReadyResponse(status="ready" if all(check.ok for check in checks) else "degraded", checks=checks)


def _missing(service: Service) -> list[Problem]:
    """What a ready service has and this one has not."""
    missing: list[Problem] = []
    try:
        service.holder.served()
    except ProblemError as error:
        missing.extend(error.errors)
    if service.loads.away is not None:
        missing.append(Problem("state store", "does not answer", "the log of the service says why"))
    return missing


def _tracking(service: Service) -> ReadyCheck:
    # What exactly went wrong may name addresses and folders: that stands in the log.
    ok = service.holder.tracking_error is None
    return ReadyCheck(name="tracking", ok=ok, detail="answers" if ok else "does not answer; see the log of the service")


def _last_load(service: Service) -> ReadyCheck:
    failed = service.holder.failed
    return ReadyCheck(name="last_load", ok=failed is None, detail="succeeded" if failed is None else str(failed))
