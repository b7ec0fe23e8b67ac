"""Keys, hosts, origins, and where the service may listen."""

from __future__ import annotations

from typing import Any

import pytest

from candle_ml.config import InferenceStage
from candle_ml.errors import ConfigError
from candle_ml_server.settings import service_settings

KEY = "correct horse battery staple"
PAGE = "https://charts.example"


def test_every_route_but_health_wants_the_key(start: Any, body: Any) -> None:
    """Without the key, with a wrong one or with a part of it: 401; with it, by either header, an answer."""
    client = start(wait=False, api_key=KEY).client
    assert client.get("/health").status == 200
    both = {"X-API-Key": KEY, "Authorization": "Bearer other"}
    keys = ({"X-API-Key": KEY[:-1]}, {"X-API-Key": ""}, {"Authorization": f"Basic {KEY}"}, {"Authorization": KEY})
    wrong = ({}, both, *keys)
    for path in ("/ready", "/metrics", "/openapi.json", "/models", "/model/info", "/nothing", "/health/x"):
        for headers in wrong:
            found = client.get(path, headers)
            assert (found.status, found.json["type"]) == (401, "urn:candle-ml:problem:unauthorized")
            detail = "send the value of CANDLE_ML_API_KEY as Authorization: Bearer or as X-API-Key"
            assert found.json["detail"] == detail
            assert found.headers["www-authenticate"] == 'Bearer realm="candle-ml"'
    assert client.post("/predict", body).status == 401
    for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer  {KEY}"}):
        assert client.get("/openapi.json", headers).status == 200


def test_a_key_may_have_any_characters(start: Any) -> None:
    """A key that is not ASCII is compared by its UTF-8 bytes."""
    client = start(wait=False, api_key="schlüssel").client
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-API-Key: %b\r\nConnection: close\r\n\r\n"
    assert client.raw(request % "schlüssel".encode()).startswith(b"HTTP/1.1 200")
    assert client.raw(request % b"schlussel").startswith(b"HTTP/1.1 401")


OWN_HOSTS = ("localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:9", "[::1]:8001", "localhost.", "chart-service:8001")
FOREIGN_HOSTS = (
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "a b",
    "localhost:x",
    "[::1",
    "*",
)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_another_host_is_refused(client: Any, host: str) -> None:
    """A request that is addressed to another host is a 421, at `/health` too."""
    found = client.get("/health", {"Host": host})
    assert (found.status, found.json["type"]) == (421, "urn:candle-ml:problem:foreign-host")
    detail = "the Host header names another host; list it in inference.allowed_hosts if it is this service"
    assert found.json["detail"] == detail


def test_own_and_listed_hosts_are_answered(start: Any) -> None:
    """Loopback names, in any case and with any port, and the hosts of the configuration."""
    settings = service_settings(InferenceStage(allowed_hosts=("Chart-Service",)), {})
    client = start(wait=False, allowed_hosts=settings.allowed_hosts).client
    for host in OWN_HOSTS:
        assert client.get("/health", {"Host": host}).status == 200, host


def test_pages_of_other_origins_are_refused(client: Any, body: Any) -> None:
    """Without listed origins only a page of the service's own address may call it."""
    for origin in (PAGE, "null", "http://localhost"):
        found = client.post("/predict", body, {"Origin": origin})
        assert (found.status, found.json["type"]) == (403, "urn:candle-ml:problem:foreign-origin")
        assert found.json["detail"] == "list the origin in inference.cors_origins to allow it"
        assert "access-control-allow-origin" not in found.headers
    own = f"http://127.0.0.1:{client.port}"
    assert client.get("/health", {"Origin": own}).status == 200


def test_listed_origins_may_call(start: Any) -> None:
    """A browser's question is answered, without the key that it cannot send, and answers name the origin."""
    settings = service_settings(InferenceStage(cors_origins=(f"{PAGE}/",)), {})
    client = start(wait=False, api_key=KEY, cors_origins=settings.cors_origins).client
    question = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    found = client.request("OPTIONS", "/predict", headers=question)
    assert (found.status, found.body) == (204, b"")
    assert found.headers["access-control-allow-origin"] == PAGE
    assert found.headers["access-control-allow-methods"] == "GET, POST"
    assert "x-api-key" in found.headers["access-control-allow-headers"]
    answered = client.get("/openapi.json", {"Origin": PAGE, "X-API-Key": KEY})
    assert (answered.status, answered.headers["access-control-allow-origin"]) == (200, PAGE)
    assert client.get("/openapi.json", {"Origin": PAGE}).status == 401
    for other in ("https://evil.example", f"{PAGE}.evil.example"):
        assert client.request("OPTIONS", "/predict", headers={**question, "Origin": other}).status == 403
        assert client.get("/health", {"Origin": other}).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_on_loopback_no_key_is_needed(host: str) -> None:
    """The default needs no key."""
    assert service_settings(InferenceStage(host=host), {}).api_key is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "charts.example"])
def test_beyond_this_machine_a_key_is_needed(host: str) -> None:
    """An address that others reach is refused without a key, also where the key is empty, unless told otherwise."""
    expected = (
        f"inference.host: {host} can be reached from other machines, and no API key is set; "
        "set CANDLE_ML_API_KEY, or pass --insecure"
    )
    for environment in ({}, {"CANDLE_ML_API_KEY": ""}, {"CANDLE_ML_API_KEY": "  "}):
        with pytest.raises(ConfigError) as raised:
            service_settings(InferenceStage(host=host), environment)
        assert str(raised.value) == expected
    assert service_settings(InferenceStage(host=host), {"CANDLE_ML_API_KEY": KEY}).api_key == KEY
    assert service_settings(InferenceStage(host=host), {}, insecure=True).api_key is None


def test_flags_win_over_the_configuration() -> None:
    """`--host` and `--port` are used instead of the file's; the address itself is an allowed host."""
    settings = service_settings(InferenceStage(), {"CANDLE_ML_API_KEY": KEY}, host="192.168.1.5", port=9000)
    assert (settings.host, settings.port) == ("192.168.1.5", 9000)
    assert settings.allowed_hosts == {"localhost", "127.0.0.1", "::1", "192.168.1.5"}


def test_the_key_is_not_shown() -> None:
    """Settings can be logged."""
    assert KEY not in repr(service_settings(InferenceStage(), {"CANDLE_ML_API_KEY": KEY}))
