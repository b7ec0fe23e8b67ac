"""Health, readiness, metrics, the OpenAPI document and the log."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from candle_ml_server.app import create_app
from candle_ml_server.openapi import OPERATIONS, openapi_document
from candle_ml_server.problems import KINDS
from candle_ml_server.schemas import ProblemDetails
from candle_ml_server.settings import Settings

ROUTES = {(operation.method, operation.path) for operation in OPERATIONS}


def test_health_is_ok(client: Any) -> None:
    """The event loop runs."""
    found = client.get("/health")
    assert (found.status, found.json) == (200, {"status": "ok"})


def test_ready_names_what_it_looked_at(client: Any) -> None:
    """Model, tracking, the last load and the state store are checked."""
    found = client.wait_until_ready(True)
    assert found.json["status"] == "ready"
    assert found.json["checks"][0] == {"name": "model", "ok": True, "detail": "version 1 of served"}
    assert [check["name"] for check in found.json["checks"]] == ["model", "tracking", "last_load", "state"]


def test_metrics_count_requests_and_labels(client: Any, body: Any) -> None:
    """Prometheus sees requests by route and status, latency, the queue, the model and predictions by label."""
    client.post("/predict", body)
    client.get("/no/such/route/12345")
    client.request("BREW", "/health")
    found = client.get("/metrics")
    text = found.body.decode()
    assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert re.search(r'candle_ml_requests_total\{method="POST",route="/predict",status="200"\} [1-9]', text)
    assert 'candle_ml_requests_total{method="GET",route="unmatched",status="404"}' in text
    assert 'candle_ml_requests_total{method="other",route="unmatched",status="405"}' in text
    assert 'candle_ml_request_seconds_bucket{le="0.5",route="/predict"}' in text
    assert "candle_ml_queue_depth 0.0" in text
    assert re.search(r'candle_ml_model_info\{name="served",run_id="[0-9a-f]{32}",version="1"\} 1.0', text)
    assert re.search(r'candle_ml_predictions_total\{label="O"\} [1-9]', text)
    assert "12345" not in text
    assert "BREW" not in text


def test_every_route_is_in_the_document_and_the_other_way_round(project: Any) -> None:
    """The document has the routes of the application, all of them and no other."""
    app = create_app(project.config, Settings())
    rules = {
        (method.lower(), rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    assert rules == ROUTES


def test_the_document_is_served_as_it_is_made(start: Any) -> None:
    """`/openapi.json` says 3.1 and, where a key is set, asks for it everywhere but at `/health`."""
    service = start(wait=False, api_key="secret")
    found = service.client.get("/openapi.json", {"X-API-Key": "secret"})
    assert found.body == openapi_document(Settings(api_key="secret"))
    assert found.json["openapi"] == "3.1.0"
    for path, methods in found.json["paths"].items():
        for operation in methods.values():
            assert operation["security"] == ([] if path == "/health" else [{"bearer": []}, {"key": []}])
            assert ("401" in operation["responses"]) is (path != "/health")


def test_references_of_the_document_lead_somewhere() -> None:
    """Every `$ref` is defined."""
    document = json.loads(openapi_document(Settings()))
    for reference in re.findall(r'"\$ref":"#/([^"]+)"', openapi_document(Settings()).decode()):
        part = document
        for step in reference.split("/"):
            part = part[step]


NOWHERE = {
    "an unknown path": ("GET", "/nothing", 404, "not-found"),
    "a slash too many": ("GET", "/health/", 404, "not-found"),
    "two slashes": ("GET", "/model//info", 404, "not-found"),
    "a path upwards": ("GET", "/../../etc/passwd", 404, "not-found"),
    "a path upwards, encoded": ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404, "not-found"),
    "a zero byte": ("GET", "/health%00", 404, "not-found"),
    "no UTF-8": ("GET", "/%ff%fe", 404, "not-found"),
    "a backslash": ("GET", "/health\\..\\x", 404, "not-found"),
    "stored predictions by POST": ("POST", "/model/out-of-fold", 405, "method-not-allowed"),
    "another method": ("GET", "/predict", 405, "method-not-allowed"),
    "an unknown method": ("BREW", "/predict", 405, "method-not-allowed"),
    "options": ("OPTIONS", "/predict", 405, "method-not-allowed"),
    "trace": ("TRACE", "/health", 405, "method-not-allowed"),
}


@pytest.mark.parametrize(("method", "path", "status", "slug"), NOWHERE.values(), ids=NOWHERE.keys())
def test_what_is_no_route_is_a_problem(client: Any, method: str, path: str, status: int, slug: str) -> None:
    """404 and 405 are problems, too, and say nothing of the machine."""
    found = client.request(method, path)
    assert (found.status, found.headers["content-type"]) == (status, "application/problem+json")
    problem = ProblemDetails.model_validate_json(found.body)
    assert problem.type == f"urn:candle-ml:problem:{slug}"
    if status == 405:
        assert found.headers["allow"]


def test_head_answers_as_get_without_a_body(client: Any) -> None:
    """HEAD has the headers of GET."""
    found = client.request("HEAD", "/health")
    assert (found.status, found.body) == (200, b"")


def test_the_request_id_comes_back(client: Any) -> None:
    """A valid id of the client's is kept; anything else is replaced by one of the service's."""
    assert client.get("/health", {"X-Request-ID": "Abc.1-2_3"}).headers["x-request-id"] == "Abc.1-2_3"
    for wrong in ("", "a b", "x" * 65, "a/b", "{}"):
        made = client.get("/health", {"X-Request-ID": wrong}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{16}", made)


def test_answers_are_neither_sniffed_nor_stored(client: Any) -> None:
    """Every answer has the two headers, problems included."""
    for path in ("/health", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_each_kind_of_problem_has_a_slug_and_a_title_of_its_own() -> None:
    """A client can tell kinds apart by their type alone."""
    assert len({kind.slug for kind in KINDS}) == len(KINDS)
    assert len({kind.title for kind in KINDS}) == len(KINDS)
    assert all(400 <= kind.status < 600 for kind in KINDS)
