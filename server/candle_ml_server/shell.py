"""The outermost layer of the service: refuses, measures and logs every request, and lets no failure out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from hypercorn.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, ASGISendEvent, HTTPScope, Scope
from pydantic_core import to_json

from candle_ml_server.limits import BodyBudget
from candle_ml_server.logs import request_id
from candle_ml_server.metrics import UNMATCHED, Metrics
from candle_ml_server.problems import INTERNAL, MEDIA_TYPE, NOT_FOUND, ProblemError
from candle_ml_server.security import Gate, Headers, header_values
from candle_ml_server.settings import Settings

ASGIApp = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]
log = structlog.get_logger(part="requests")
ROUTE_KEY = "candle_ml.route"
_LINGER_SECONDS = 2.0
_LONGEST_LOGGED = 200
_ALWAYS: Headers = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class Shell:
    """An ASGI application around another. `is_draining` says whether connections should end after their answer."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, is_draining: Callable[[], bool]) -> None:
        self._app = app
        self._gate = Gate(settings)
        self._budget = BodyBudget(settings.body_limit)
        self._metrics = metrics
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one connection of ASGI: a request, a refused websocket, or the start and end of the service."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        started = time.perf_counter()
        given = header_values(scope["headers"], b"x-request-id")
        identity = request_id(given[0] if given else None)
        extra = [*_ALWAYS, (b"x-request-id", identity.encode()), *self._gate.cors_headers(scope)]
        if self._is_draining() and scope["http_version"].startswith("1"):
            extra.append((b"connection", b"close"))
        exchange = Exchange(receive, send, extra)
        with structlog.contextvars.bound_contextvars(request_id=identity):
            try:
                await self._run(scope, exchange)
            finally:
                self._note(scope, exchange, time.perf_counter() - started)

    async def _run(self, scope: HTTPScope, exchange: Exchange) -> None:
        try:
            self._gate.check(scope)
            if self._gate.answers_preflight(scope):
                await exchange.respond(204, [], b"")
                return
            with self._budget.counting() as exchange.arrived:
                await self._app(scope, exchange.receive, exchange.send)
        except ProblemError as error:
            await exchange.refuse(error)
        except Exception:
            log.exception("request failed")
            await exchange.refuse(ProblemError(INTERNAL, "the log of the service says why"))

    def _note(self, scope: HTTPScope, exchange: Exchange, seconds: float) -> None:
        route = str(scope.get(ROUTE_KEY, UNMATCHED))
        self._metrics.count_request(scope["method"], route, exchange.status, seconds)
        log.info(
            "request",
            method=scope["method"][:_LONGEST_LOGGED],
            path=scope["path"][:_LONGEST_LOGGED],
            status=exchange.status,
            milliseconds=round(seconds * 1000, 2),
            received=exchange.received,
            sent=exchange.sent,
        )


async def _refuse_websocket(send: ASGISendCallable) -> None:
    error = ProblemError(NOT_FOUND, "the service has no websockets")
    headers = [(b"content-type", MEDIA_TYPE.encode()), *_ALWAYS]
    await send({"type": "websocket.http.response.start", "status": error.kind.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": to_json(error.content()), "more_body": False})


def _not_counted(size: int) -> None:
    """For what is read only to be dropped."""


class Exchange:
    """One request and its answer; `status` is 499 until an answer begins, for a client that went away.

    `arrived` is told the size of each part of the body that the application is given.
    """

    def __init__(self, receive: ASGIReceiveCallable, send: ASGISendCallable, extra: Headers) -> None:
        self._receive = receive
        self._send = send
        self._extra = extra
        self._complete = asyncio.Event()
        self.arrived: Callable[[int], None] = _not_counted
        self.status = 499
        self.received = 0
        self.sent = 0

    async def receive(self) -> ASGIReceiveEvent:
        """The next part of the request."""
        event = await self._receive()
        if event["type"] == "http.request":
            self.received += len(event["body"])
            self.arrived(len(event["body"]))
        if event["type"] != "http.request" or not event["more_body"]:
            self._complete.set()
        return event

    async def send(self, event: ASGISendEvent) -> None:
        """Pass on a part of the answer, with the headers that every answer has."""
        if event["type"] == "http.response.start":
            self.status = event["status"]
            event = {**event, "headers": [*event["headers"], *self._extra]}
        elif event["type"] == "http.response.body":
            self.sent += len(event["body"])
            if not event["more_body"]:
                await self._linger()
        await self._send(event)

    async def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer, reading and dropping what is left of the request."""
        length = [(b"content-length", b"%d" % len(body))] if status != 204 else []
        await self.send({"type": "http.response.start", "status": status, "headers": [*length, *headers]})
        await self.send({"type": "http.response.body", "body": body, "more_body": True})
        dropping = asyncio.ensure_future(self._drop())
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})
        dropping.cancel()

    async def refuse(self, error: ProblemError) -> None:
        """Send a problem, unless an answer has begun already."""
        if self.status == 499:
            headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
            media = (b"content-type", MEDIA_TYPE.encode())
            await self.respond(error.kind.status, [media, *headers], to_json(error.content()))

    async def _drop(self) -> None:
        self.arrived = _not_counted
        while not self._complete.is_set():
            await self.receive()

    async def _linger(self) -> None:
        """Let a client finish sending what was refused: closing earlier would reset its connection unread."""
        if self.status >= 400 and not self._complete.is_set():
            try:
                await asyncio.wait_for(self._complete.wait(), _LINGER_SECONDS)
            except TimeoutError:
                log.info("closed on a client that kept sending")
