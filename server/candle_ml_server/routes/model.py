"""The routes about models: what is served, what was stored and made of what, what there is, and what to load."""

from __future__ import annotations

from dataclasses import asdict

from quart import Blueprint, Response, request

from candle_ml.annotations import NO_PATTERN
from candle_ml.registry import RegisteredVersion
from candle_ml_server.limits import json_body
from candle_ml_server.model_schemas import (
    LabelConfig,
    LoadRequest,
    LoadResponse,
    MetricsInfo,
    ModelInfo,
    ModelInfoResponse,
    ModelsResponse,
    OutOfFoldQuery,
    ReceiptInfo,
    RegisteredModel,
    TraceQuery,
)
from candle_ml_server.models import Selection, ServedModel
from candle_ml_server.reading import read_body, read_query
from candle_ml_server.service import Service, json_response, model_response
from candle_ml_server.suggest_schemas import SuggestQuery

# Read on the event loop, so it must be short.
_MOST_BYTES = 4096
_FALLBACK_COLOR = "#9e9e9e"


def model_routes(service: Service) -> Blueprint:
    """The routes about models."""
    routes = Blueprint("model", __name__)
    holder = service.holder

    @routes.get("/model/info")
    async def info() -> Response:
        return model_response(model_info(holder.served(), holder.following.alias))

    @routes.get("/model/out-of-fold")
    async def out_of_fold() -> Response:
        model = holder.served()
        query = read_query(OutOfFoldQuery, request.args.to_dict(flat=False))
        with service.pool.admission(bulk=True):
            work = service.pool.run(lambda: service.predictions.of_stored(model, query), service.deadline(), bulk=True)
            return json_response(await work)

    @routes.get("/model/trace")
    async def trace() -> Response:
        query = read_query(TraceQuery, request.args.to_dict(flat=False))
        number = None if query.version is None else int(query.version)
        return model_response(await holder.trace(number, service.loads.store))

    @routes.get("/suggest")
    async def suggest() -> Response:
        query = read_query(SuggestQuery, request.args.to_dict(flat=False))
        return json_response(service.predictions.suggested(holder.served(), query))

    @routes.get("/models")
    async def models() -> Response:
        active = None if holder.current is None else holder.current.version.version
        listed = [_registered(each, active) for each in await holder.versions()]
        return model_response(ModelsResponse(model_name=holder.store.model_name, models=listed))

    @routes.post("/model/load")
    async def load() -> Response:
        wanted = read_body(LoadRequest, await json_body(_MOST_BYTES), most_candles=0)
        model = await holder.load(_selection(wanted))
        return model_response(
            LoadResponse(
                model_name=model.version.name,
                model_version=str(model.version.version),
                run_id=model.version.run_id,
                follows=holder.following.alias,
            )
        )

    return routes


def model_info(model: ServedModel, follows: str | None) -> ModelInfoResponse:
    """What `/model/info` says of a model that moves with the alias `follows`."""
    info, receipt = model.loaded.info, model.loaded.receipt
    patterns = [name for name in info.classes if name != NO_PATTERN]
    return ModelInfoResponse(
        model_info=ModelInfo(
            model_name=model.version.name,
            model_version=str(model.version.version),
            model_type=info.model_type,
            experiment_name=info.experiment_name,
            run_id=info.run_id,
            trained_at=info.trained_at,
            feature_count=len(info.columns),
            label_names=patterns,
        ),
        metrics=MetricsInfo.model_validate(info.metrics.model_dump()),
        label_config=[
            LabelConfig(
                name=name,
                color=info.label_colors.get(name, _FALLBACK_COLOR),
                threshold=info.thresholds.get(name, 0.0),
            )
            for name in patterns
        ],
        required_history=info.required_history,
        window=info.window,
        timeframes=list(info.timeframes),
        data_version=info.data_version,
        config_hash=info.config_hash,
        receipt=ReceiptInfo.model_validate({**asdict(receipt), "differing": list(receipt.differing)}),
        follows=follows,
    )


def _registered(version: RegisteredVersion, active: int | None) -> RegisteredModel:
    return RegisteredModel(
        version=str(version.version),
        aliases=list(version.aliases),
        run_id=version.run_id,
        model_type=version.model_type,
        trained_at=version.trained_at,
        f1_macro=version.f1_macro,
        active=version.version == active,
    )


def _selection(request: LoadRequest) -> Selection:
    version = None if request.version is None else int(request.version)
    return Selection(version=version, run_id=request.run_id, alias=request.alias)
