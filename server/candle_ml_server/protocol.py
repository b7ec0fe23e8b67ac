"""What is no HTTP/1.1 at all never reaches the application; it is told so by a problem as well."""

from __future__ import annotations

import h11
import hypercorn.protocol
from hypercorn.protocol.h11 import H11Protocol
from pydantic_core import to_json

from candle_ml_server.problems import BAD_REQUEST, HEADERS_TOO_LARGE, MEDIA_TYPE, ProblemError

_NO_HTTP = ProblemError(BAD_REQUEST, "this is no HTTP that the service can read")
_TOO_LARGE = ProblemError(HEADERS_TOO_LARGE, "request line and headers must be shorter")


def install() -> None:
    """Let Hypercorn refuse in this way; it has no setting for it."""
    hypercorn.protocol.H11Protocol = _Protocol  # type: ignore[attr-defined]


class _Protocol(H11Protocol):
    async def _send_error_response(self, status_code: int) -> None:
        """A transfer coding that nobody knows is the client's mistake too, not a 501."""
        error = _TOO_LARGE if status_code == HEADERS_TOO_LARGE.status else _NO_HTTP
        body = to_json(error.content())
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
            *self.config.response_headers("h11"),
        ]
        await self._send_h11_event(h11.Response(status_code=error.kind.status, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())
