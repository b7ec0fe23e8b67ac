"""Who is answered: host, origin and API key."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

from hypercorn.typing import HTTPScope

from candle_ml_server.problems import BAD_REQUEST, FOREIGN_HOST, FOREIGN_ORIGIN, UNAUTHORIZED, ProblemError
from candle_ml_server.settings import API_KEY_VARIABLE, Settings

Headers = list[tuple[bytes, bytes]]
OPEN_PATHS = frozenset({"/health"})
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_BEARER = re.compile(rb"bearer +(.*)", re.IGNORECASE)
_PREFLIGHT_SECONDS = b"600"


def header_values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """Every value of a header; names of ASGI headers are lower case."""
    return [value for key, value in headers if key == name]


class Gate:
    """Refuses what may not reach a route."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = None if settings.api_key is None else _digest(settings.api_key.encode())

    def check(self, scope: HTTPScope) -> None:
        """Raises `ProblemError`: 400, 401, 403 or 421."""
        headers = list(scope["headers"])
        if not scope["path"].startswith("/"):
            raise ProblemError(BAD_REQUEST, "the request target is no path")
        if header_values(headers, b"transfer-encoding") and header_values(headers, b"content-length"):
            # Two servers that disagree on which one counts would also disagree on where the next request begins.
            detail = "Transfer-Encoding and Content-Length exclude each other"
            raise ProblemError(BAD_REQUEST, detail, headers={"Connection": "close"})
        self._check_host(headers)
        self._check_origin(headers)
        if not self._is_preflight(scope) and scope["path"] not in OPEN_PATHS:
            self._check_key(headers)

    def cors_headers(self, scope: HTTPScope) -> Headers:
        """What tells a browser that a page of a listed origin may read the answer."""
        origin = header_values(scope["headers"], b"origin")
        if not origin or not self._listed(origin[0]):
            return []
        allowed = [(b"access-control-allow-origin", origin[0]), (b"vary", b"origin")]
        if self._is_preflight(scope):
            allowed.append((b"access-control-allow-methods", b"GET, POST"))
            allowed.append((b"access-control-allow-headers", b"authorization, content-type, x-api-key, x-request-id"))
            allowed.append((b"access-control-max-age", _PREFLIGHT_SECONDS))
        return allowed

    def answers_preflight(self, scope: HTTPScope) -> bool:
        """Whether this is a browser's question, from a listed origin, whether it may ask."""
        return self._is_preflight(scope) and bool(self.cors_headers(scope))

    def _is_preflight(self, scope: HTTPScope) -> bool:
        asks = bool(header_values(scope["headers"], b"access-control-request-method"))
        return scope["method"] == "OPTIONS" and asks and bool(self._settings.cors_origins)

    def _check_host(self, headers: Headers) -> None:
        given = header_values(headers, b"host")
        match = _HOST.fullmatch(given[0].decode("latin1")) if len(given) == 1 else None
        name = "" if match is None else (match["six"] or match["name"]).rstrip(".").lower()
        if name not in self._settings.allowed_hosts:
            detail = "the Host header names another host; list it in inference.allowed_hosts if it is this service"
            raise ProblemError(FOREIGN_HOST, detail)

    def _check_origin(self, headers: Headers) -> None:
        """Refuse a foreign page even where its browser would send the request and only hide the answer."""
        host = header_values(headers, b"host")[0]
        for origin in header_values(headers, b"origin"):
            own = origin in (b"http://" + host, b"https://" + host)
            if not own and not self._listed(origin):
                raise ProblemError(FOREIGN_ORIGIN, "list the origin in inference.cors_origins to allow it")

    def _listed(self, origin: bytes) -> bool:
        return origin.decode("latin1").lower() in self._settings.cors_origins

    def _check_key(self, headers: Headers) -> None:
        if self._key is None:
            return
        bearers = [_bearer(value) for value in header_values(headers, b"authorization")]
        given = [*bearers, *header_values(headers, b"x-api-key")]
        # Digests have one length, so that the comparison tells nothing of the key's.
        right = [hmac.compare_digest(_digest(value), self._key) for value in given]
        if not right or not all(right):
            detail = f"send the value of {API_KEY_VARIABLE} as Authorization: Bearer or as X-API-Key"
            raise ProblemError(UNAUTHORIZED, detail, headers={"WWW-Authenticate": 'Bearer realm="candle-ml"'})


def _bearer(value: bytes) -> bytes:
    """The token; nothing where another scheme is meant, which is then a wrong key."""
    match = _BEARER.fullmatch(value)
    return b"" if match is None else match[1]


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
