"""The OpenAPI 3.1 document, made from the models that check requests and write answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from pydantic_core import to_json

from candle_ml import __version__
from candle_ml.trace import Trace
from candle_ml_server import metrics, model_schemas, problems, schemas, suggest_schemas
from candle_ml_server.problems import KINDS, MEDIA_TYPE, Kind
from candle_ml_server.security import OPEN_PATHS
from candle_ml_server.settings import Settings

_MODE: Literal["validation"] = "validation"
_REFERENCE = "#/components/schemas/{model}"
_EVERYWHERE = (problems.BAD_REQUEST, problems.FOREIGN_ORIGIN, problems.FOREIGN_HOST, problems.INTERNAL)
_OF_BODIES = (
    problems.BODY_TIMEOUT,
    problems.BODY_TOO_LARGE,
    problems.MEDIA_TYPE_UNSUPPORTED,
    problems.INVALID,
    problems.BUSY,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route: what goes in, what comes out and which problems are its own."""

    method: str
    path: str
    summary: str
    answer: Any
    body: tuple[type[BaseModel], ...] = ()
    query: type[BaseModel] | None = None
    problems: tuple[Kind, ...] = ()
    tag: str = "operation"

    def kinds(self) -> Iterable[Kind]:
        """Every problem it can answer with, but for the key, which depends on the settings."""
        of_query = (problems.INVALID,) if self.query else ()
        return (*_EVERYWHERE, *self.problems, *(_OF_BODIES if self.body else of_query))


OPERATIONS = (
    Operation(
        "post",
        "/predict",
        "Predict the candles of one series",
        schemas.PredictResponse,
        (schemas.PredictRequest,),
        problems=(problems.NO_MODEL, problems.DEADLINE),
        tag="prediction",
    ),
    Operation(
        "post",
        "/predict/batch",
        "Predict stored candles of a range, or several requests at once",
        (schemas.PredictResponse, schemas.BatchResponse),
        (schemas.BatchRangeRequest, schemas.BatchInlineRequest),
        problems=(problems.NO_MODEL, problems.DEADLINE, problems.NO_SOURCE),
        tag="prediction",
    ),
    Operation(
        "get",
        "/model/info",
        "The served model",
        model_schemas.ModelInfoResponse,
        problems=(problems.NO_MODEL,),
        tag="model",
    ),
    Operation(
        "get",
        "/model/out-of-fold",
        "What models said of candles that they had not been fitted on",
        model_schemas.OutOfFoldResponse,
        query=model_schemas.OutOfFoldQuery,
        problems=(problems.NO_MODEL, problems.NO_OUT_OF_FOLD, problems.BUSY, problems.DEADLINE),
        tag="model",
    ),
    Operation(
        "get",
        "/model/trace",
        "What a version was made of: run, data, annotations, configuration, code and packages",
        Trace,
        query=model_schemas.TraceQuery,
        problems=(
            problems.NO_MODEL,
            problems.NO_SUCH_VERSION,
            problems.MODEL_REFUSED,
            problems.TRACKING_AWAY,
            problems.BUSY,
            problems.DEADLINE,
        ),
        tag="model",
    ),
    Operation(
        "get",
        "/models",
        "Registered versions, newest first",
        model_schemas.ModelsResponse,
        problems=(problems.TRACKING_AWAY, problems.BUSY),
        tag="model",
    ),
    Operation(
        "post",
        "/model/load",
        "Serve another version, once it has proven itself",
        model_schemas.LoadResponse,
        (model_schemas.LoadRequest,),
        problems=(problems.NO_SUCH_VERSION, problems.MODEL_REFUSED, problems.TRACKING_AWAY),
        tag="model",
    ),
    Operation(
        "get",
        "/suggest",
        "What to annotate next, and which annotations to look at again",
        suggest_schemas.SuggestResponse,
        query=suggest_schemas.SuggestQuery,
        problems=(problems.NO_MODEL, problems.NO_SUGGESTIONS),
        tag="model",
    ),
    Operation(
        "get",
        "/patterns/available",
        "TA-Lib's candle patterns",
        list[schemas.AvailablePattern],
        problems=(problems.NO_PATTERNS, problems.BUSY, problems.DEADLINE),
        tag="patterns",
    ),
    Operation(
        "post",
        "/patterns/detect",
        "Find TA-Lib's candle patterns",
        schemas.DetectResponse,
        (schemas.DetectRequest,),
        problems=(problems.NO_PATTERNS, problems.DEADLINE),
        tag="patterns",
    ),
    Operation("get", "/health", "Whether the event loop runs", model_schemas.HealthResponse),
    Operation(
        "get", "/ready", "Whether predictions are answered", model_schemas.ReadyResponse, problems=(problems.NOT_READY,)
    ),
    Operation("get", "/metrics", "Prometheus metrics", None),
    Operation("get", "/openapi.json", "This document", dict),
)


def openapi_document(settings: Settings) -> bytes:
    """The document as JSON. With an API key every route but the open ones asks for it."""
    secured = settings.api_key is not None
    paths: dict[str, dict[str, object]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, secured, settings)
    return to_json(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "candle-ml inference service",
                "version": __version__,
                "description": "Draws learned candlestick patterns on charts. Times are Unix seconds UTC.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in OPERATIONS)],
            "paths": paths,
            "components": {"schemas": _schemas(), "headers": _HEADERS, "securitySchemes": _SCHEMES},
        }
    )


_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_HEADERS = {
    "X-Request-ID": {
        "description": "Names this request in the log; the client's own where it gave a valid one.",
        "schema": {"type": "string"},
        "required": True,
    },
    "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"schema": {"type": "string"}},
}
_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "1 to 64 letters, digits, dots, underscores and dashes; anything else is replaced.",
    "schema": {"type": "string"},
}


def _operation(operation: Operation, secured: bool, settings: Settings) -> dict[str, object]:
    locked = secured and operation.path not in OPEN_PATHS
    kinds = [*operation.kinds(), *((problems.UNAUTHORIZED,) if locked else ())]
    described: dict[str, object] = {
        "operationId": operation.method + re.sub("[^A-Za-z]", "", operation.path.title()),
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_query_parameters(operation.query), _REQUEST_ID],
        "security": [{"bearer": []}, {"key": []}] if locked else [],
        "responses": {"200": _success(operation), **_problem_responses(kinds)},
    }
    if operation.body:
        schema = _one_of([_reference(model) for model in operation.body])
        limit = f"At most {settings.body_limit} bytes and {settings.candle_limit} candles."
        described["requestBody"] = {
            "required": True,
            "description": limit,
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, object]]:
    """A parameter for each field of the model that checks the query."""
    if query is None:
        return []
    schema = query.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.pop("description", ""),
            "schema": _without_null(field),
        }
        for name, field in schema["properties"].items()
    ]


def _without_null(field: dict[str, object]) -> dict[str, object]:
    """The schema of a value that is there: a query has no way to write null."""
    kept = {name: value for name, value in field.items() if value is not None}
    forms = kept.get("anyOf")
    return kept if not isinstance(forms, list) else {**kept, "anyOf": [f for f in forms if f != {"type": "null"}]}


def _success(operation: Operation) -> dict[str, object]:
    content: dict[str, object]
    if operation.answer is None:
        content = {metrics.CONTENT_TYPE.partition(";")[0]: {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": _answer_schema(operation.answer)}}
    return {"description": operation.summary, "headers": _header_references("X-Request-ID"), "content": content}


def _answer_schema(answer: Any) -> dict[str, object]:
    if isinstance(answer, tuple):
        return _one_of([_reference(model) for model in answer])
    if answer is dict:
        return {"type": "object"}
    if isinstance(answer, type) and issubclass(answer, BaseModel):
        return _reference(answer)
    return {"type": "array", "items": _reference(answer.__args__[0])}


def _problem_responses(kinds: Iterable[Kind]) -> dict[str, object]:
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, []).append(kind.title)
    schema = {MEDIA_TYPE: {"schema": _reference(schemas.ProblemDetails)}}
    return {
        str(status): {
            "description": "; or: ".join(dict.fromkeys(titles[status])),
            "headers": _header_references("X-Request-ID", *_OWN_HEADERS.get(status, ())),
            "content": schema,
        }
        for status in sorted(titles)
    }


_OWN_HEADERS = {401: ("WWW-Authenticate",), 503: ("Retry-After",)}


def _header_references(*names: str) -> dict[str, object]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _reference(model: type[BaseModel]) -> dict[str, object]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _one_of(references: list[dict[str, object]]) -> dict[str, object]:
    return references[0] if len(references) == 1 else {"oneOf": references}


def _schemas() -> dict[str, object]:
    answers = [each for operation in OPERATIONS for each in _models(operation.answer)]
    bodies = [model for operation in OPERATIONS for model in operation.body]
    models: dict[type[BaseModel], None] = dict.fromkeys(
        [*answers, *bodies, schemas.PredictRequest, schemas.ProblemDetails]
    )
    _, definitions = models_json_schema([(model, _MODE) for model in models], ref_template=_REFERENCE)
    found: dict[str, object] = definitions["$defs"]
    kinds = {kind.slug: kind.title for kind in KINDS}
    found["ProblemDetails"]["properties"]["type"]["examples"] = [f"urn:candle-ml:problem:{slug}" for slug in kinds]  # type: ignore[index]
    return found


def _models(answer: Any) -> list[type[BaseModel]]:
    if isinstance(answer, tuple):
        return list(answer)
    parts = getattr(answer, "__args__", (answer,))
    return [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
