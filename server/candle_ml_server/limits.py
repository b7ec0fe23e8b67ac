"""What a body may cost: its media type, its size, its time, and the memory of all bodies together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quart import request

from candle_ml_server.problems import BODY_TOO_LARGE, BUSY, MEDIA_TYPE_UNSUPPORTED, ProblemError

_SMALL_BODY = 256 << 10
_LARGE_BODIES = 8


class BodyBudget:
    """Bytes that the large bodies under way may hold together; small ones are not counted."""

    def __init__(self, body_limit: int) -> None:
        self._free = _LARGE_BODIES * body_limit

    @contextmanager
    def counting(self) -> Iterator[Callable[[int], None]]:
        """What is told the size of each part of one body as it arrives: it raises `ProblemError` (503) without room.

        What was announced and never came takes no room from others.
        """
        received = held = 0

        def arrived(size: int) -> None:
            nonlocal received, held
            received += size
            wanted = received if received > _SMALL_BODY else 0
            if wanted - held > self._free:
                raise ProblemError(BUSY, "too many large bodies are under way", headers={"Retry-After": "1"})
            self._free -= wanted - held
            held = wanted

        try:
            yield arrived
        finally:
            self._free += held


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
