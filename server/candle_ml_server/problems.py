"""RFC 9457 problems: every answer that is not a success, with no path, stack or exception text in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import to_json
from quart import Response
from werkzeug.exceptions import HTTPException

from candle_ml.errors import CandleMLError, Problem

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:candle-ml:problem:"
_MOST_ERRORS = 20
_PASSED_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: the last part of its type URI, its status and its title."""

    slug: str
    status: int
    title: str


BAD_REQUEST = Kind("bad-request", 400, "The request cannot be read")
UNAUTHORIZED = Kind("unauthorized", 401, "An API key is required")
FOREIGN_ORIGIN = Kind("foreign-origin", 403, "This origin may not call the service")
NOT_FOUND = Kind("not-found", 404, "There is no such route")
NO_SUCH_VERSION = Kind("no-such-version", 404, "There is no such model version")
NO_OUT_OF_FOLD = Kind("no-out-of-fold", 404, "There are no stored predictions of these candles")
NO_SUGGESTIONS = Kind("no-suggestions", 404, "There are no stored suggestions")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The route has no such method")
BODY_TIMEOUT = Kind("body-timeout", 408, "The body did not arrive in time")
MODEL_REFUSED = Kind("model-refused", 409, "The model cannot be served")
BODY_TOO_LARGE = Kind("body-too-large", 413, "The body is too large")
MEDIA_TYPE_UNSUPPORTED = Kind("unsupported-media-type", 415, "The body is not JSON")
FOREIGN_HOST = Kind("foreign-host", 421, "The request is addressed to another host")
HEADERS_TOO_LARGE = Kind("headers-too-large", 431, "The head of the request is too large")
INVALID = Kind("invalid", 422, "The request is not valid")
INTERNAL = Kind("internal", 500, "The service has failed")
BUSY = Kind("busy", 503, "The service is busy")
DEADLINE = Kind("deadline", 503, "The answer took too long")
NO_MODEL = Kind("no-model", 503, "No model is loaded")
NOT_READY = Kind("not-ready", 503, "The service is not ready")
TRACKING_AWAY = Kind("tracking-away", 503, "The model registry does not answer")
NO_SOURCE = Kind("no-source", 503, "The candles of the service cannot be read")
NO_PATTERNS = Kind("no-patterns", 503, "The pattern functions are not installed")

KINDS = tuple(value for value in tuple(globals().values()) if isinstance(value, Kind))
_KIND_OF_STATUS = {kind.status: kind for kind in reversed(KINDS)}


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, kind: Kind, detail: str, errors: Sequence[Problem] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @classmethod
    def invalid(cls, where: str, found: str, expected: str) -> ProblemError:
        """The 422 of a single wrong value."""
        return cls.listing(INVALID, (Problem(where, found, expected),))

    @classmethod
    def listing(cls, kind: Kind, errors: Sequence[Problem]) -> ProblemError:
        """A problem whose detail is the first of its errors."""
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return cls(kind, f"{errors[0]}{more}", errors)

    @classmethod
    def of(cls, kind: Kind, error: CandleMLError) -> ProblemError:
        """What a candle-ml error says, without the folders that it may name."""
        return cls.listing(kind, without_paths(error.problems))

    def content(self) -> dict[str, object]:
        """The members of the problem document."""
        return document(self.kind, self.detail, self.errors)


def document(kind: Kind, detail: str, errors: Sequence[Problem] = ()) -> dict[str, object]:
    """The members of a problem document; at most the first 20 errors are listed."""
    content: dict[str, object] = {
        "type": _TYPE + kind.slug,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
    }
    if errors:
        listed = errors[:_MOST_ERRORS]
        content["errors"] = [{"where": each.where, "found": each.found, "expected": each.expected} for each in listed]
    return content


def without_paths(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The same problems with every absolute path reduced to its last name."""
    return tuple(Problem(_reduced(each.where), _reduced(each.found), _reduced(each.expected)) for each in problems)


def problem_response(error: ProblemError) -> Response:
    """The HTTP response of a problem."""
    return Response(to_json(error.content()), error.kind.status, error.headers, content_type=MEDIA_TYPE)


def from_http(error: HTTPException) -> ProblemError:
    """The problem of what the framework raises: an unknown route, a wrong method, a large or slow body."""
    status = error.code or INTERNAL.status
    kind = _KIND_OF_STATUS.get(status, Kind(f"http-{status}", status, error.name))
    kept = {name: value for name, value in error.get_headers() if name in _PASSED_HEADERS}
    return ProblemError(kind, _DETAILS.get(status, kind.title), headers=kept)


_DETAILS = {
    404: "GET /openapi.json lists the routes",
    405: "the Allow header lists the methods",
    500: "the log of the service says why, beside the request id of this answer",
}


def _reduced(text: str) -> str:
    return re.sub(r"(?<![\w.:/])(?:/[^\s/'\":;,]+)+/([^\s/'\":;,]+)", r"\1", text)
