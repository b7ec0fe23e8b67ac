"""What a body may cost: its media type, its size, its time, and the memory of all bodies together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypercorn.typing import HTTPScope
from quart import request

from candle_ml_server.problems import BODY_TOO_LARGE, BUSY, MEDIA_TYPE_UNSUPPORTED, ProblemError
from candle_ml_server.security import header_values

_SMALL_BODY = 256 << 10
_LARGE_BODIES = 8


class BodyBudget:
    """Bytes that the large bodies under way may hold together; small ones are not counted."""

    def __init__(self, body_limit: int) -> None:
        self._limit = body_limit
        self._free = _LARGE_BODIES * body_limit

    @contextmanager
    def reserved(self, scope: HTTPScope) -> Iterator[None]:
        """Room for the body of one request. Raises `ProblemError` (503) where there is none."""
        size = min(_announced_size(scope, self._limit), self._limit)
        size = 0 if size <= _SMALL_BODY else size
        if size > self._free:
            raise ProblemError(BUSY, "too many large bodies are under way", headers={"Retry-After": "1"})
        self._free -= size
        try:
            yield
        finally:
            self._free += size


async def json_body(most_bytes: int | None = None) -> bytes:
    """The bytes of the current request's JSON body, at most `most_bytes` of them.

    Raises `ProblemError` (415, 413); the framework raises 408 for a slow body and 413 for one above the service's own
    limit.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8") or encoding != "identity":
        raise ProblemError(MEDIA_TYPE_UNSUPPORTED, "send JSON in UTF-8, not compressed, as application/json")
    data = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    if most_bytes is not None and len(data) > most_bytes:
        raise ProblemError(BODY_TOO_LARGE, f"a body of this route may have at most {most_bytes} bytes")
    return data


def _announced_size(scope: HTTPScope, body_limit: int) -> int:
    """Content-Length; a chunked body may become as large as the limit."""
    if header_values(scope["headers"], b"transfer-encoding"):
        return body_limit
    lengths = [value for value in header_values(scope["headers"], b"content-length") if value.isdigit()]
    return int(lengths[0][:18]) if lengths else 0
