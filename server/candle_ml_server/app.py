"""The application: parts are made, routes are joined, every error becomes a problem."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import cast

import structlog
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from candle_ml.config import PipelineConfig
from candle_ml.registry import RegisteredVersion
from candle_ml.tracking import TrackingPlace
from candle_ml_server.candle_source import CandleSource
from candle_ml_server.holder import ModelHolder
from candle_ml_server.metrics import Metrics
from candle_ml_server.models import ModelStore, ServedModel
from candle_ml_server.openapi import openapi_document
from candle_ml_server.patterns import Patterns
from candle_ml_server.predicting import Predictions
from candle_ml_server.problems import INTERNAL, ProblemError, from_http, problem_response
from candle_ml_server.routes.model import model_routes
from candle_ml_server.routes.operation import operation_routes
from candle_ml_server.routes.patterns import pattern_routes
from candle_ml_server.routes.predict import predict_routes
from candle_ml_server.service import Service
from candle_ml_server.settings import Settings
from candle_ml_server.shell import ROUTE_KEY, Shell
from candle_ml_server.state import Load, LoadRecords
from candle_ml_server.workers import WorkerPool

log = structlog.get_logger(part="service")
_REGISTRY_THREADS, _REGISTRY_QUEUE = 3, 8
_STATE_THREADS, _STATE_QUEUE = 2, 2
_READING_THREADS = 2


def create_app(config: PipelineConfig, settings: Settings) -> Quart:
    """The application of one pipeline; `app.extensions["candle_ml"]` is its `Service`."""
    app = Quart(__name__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.body_limit,
        BODY_TIMEOUT=settings.body_timeout,
        RESPONSE_TIMEOUT=settings.request_timeout,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.merge_slashes = False
    service = _service(config, settings)
    app.extensions["candle_ml"] = service
    for blueprint in (
        predict_routes(service),
        model_routes(service),
        pattern_routes(service),
        operation_routes(service, openapi_document(settings)),
    ):
        app.register_blueprint(blueprint)
    _handle_errors(app, settings)
    _watch_while_serving(app, service)
    app.asgi_app = Shell(app.asgi_app, settings, service.metrics, lambda: service.draining)  # type: ignore[method-assign]
    return app


def _service(config: PipelineConfig, settings: Settings) -> Service:
    pool = WorkerPool("predict", settings.threads, settings.queue)
    metrics = Metrics(lambda: pool.waiting)
    store = ModelStore(TrackingPlace.of(config.tracking.uri, config.root), config.model_name)
    registry_pool = WorkerPool("registry", _REGISTRY_THREADS, _REGISTRY_QUEUE)
    loads = LoadRecords(config.root, WorkerPool("state", _STATE_THREADS, _STATE_QUEUE))
    frozen = False

    def on_swap(model: ServedModel) -> None:
        nonlocal frozen
        loads.add(Load(model.version, "loaded", model.loaded.receipt))
        metrics.set_model(model.version.name, str(model.version.version), model.version.run_id)
        if not frozen:
            # What start-up made stays for good: not walking it at every collection shortens the longest pauses.
            gc.collect()
            gc.freeze()
            frozen = True

    def on_refusal(version: RegisteredVersion, error: Exception) -> None:
        loads.add(Load(version, "refused", error=str(error) or type(error).__name__))

    holder = ModelHolder(store, registry_pool, config.registry.alias, settings.retry_seconds, on_swap, on_refusal)
    return Service(
        settings=settings,
        holder=holder,
        pool=pool,
        reading=WorkerPool("candles", _READING_THREADS, settings.queue),
        predictions=Predictions(settings, CandleSource(config), metrics),
        patterns=Patterns(config, settings.candle_limit),
        metrics=metrics,
        loads=loads,
    )


def _handle_errors(app: Quart, settings: Settings) -> None:
    details = {
        408: f"the body must arrive within {settings.body_timeout:g} seconds",
        413: f"a body may have at most {settings.body_limit} bytes",
    }

    @app.before_request
    async def note_route() -> None:
        if request.url_rule is not None:
            cast(dict[str, object], request.scope)[ROUTE_KEY] = request.url_rule.rule

    @app.errorhandler(ProblemError)
    async def on_problem(error: ProblemError) -> Response:
        return problem_response(error)

    @app.errorhandler(HTTPException)
    async def on_http(error: HTTPException) -> Response:
        problem = from_http(error)
        return problem_response(
            ProblemError(problem.kind, details.get(error.code or 0, problem.detail), (), problem.headers)
        )

    @app.errorhandler(Exception)
    async def on_failure(error: Exception) -> Response:
        log.error("request failed", exc_info=error)
        return problem_response(ProblemError(INTERNAL, "the log of the service says why, beside this request id"))


def _watch_while_serving(app: Quart, service: Service) -> None:
    watching: list[asyncio.Task[None]] = []

    @app.before_serving
    async def start() -> None:
        for part in (service.holder, service.loads):
            watching.append(asyncio.create_task(part.watch(service.settings.poll_seconds)))

    @app.after_serving
    async def stop() -> None:
        for task in watching:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await service.loads.close()
        service.pool.close()
        service.reading.close()
