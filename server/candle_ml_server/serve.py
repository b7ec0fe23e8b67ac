"""Runs the service: one Hypercorn worker, and an orderly end on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import structlog
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config, Sockets

from candle_ml.config import PipelineConfig
from candle_ml.errors import ConfigError
from candle_ml_server.app import create_app
from candle_ml_server.logs import configure
from candle_ml_server.protocol import install
from candle_ml_server.service import Service
from candle_ml_server.settings import Settings, service_settings

log = structlog.get_logger(part="service")
_KEEP_ALIVE_SECONDS = 20.0
_LAST_ANSWERS_SECONDS = 5.0
_FIRST_BYTES_SECONDS = 0.2
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3), with the bytes up to which freed memory is kept
_KEPT_BYTES, _KEPT_BLOCK_BYTES = 64 << 20, 32 << 20
_TURN_SECONDS = 0.001


def serve(config: PipelineConfig, host: str | None, port: int | None, insecure: bool) -> None:
    """Serve until SIGTERM or SIGINT. Raises `ConfigError` for settings that are not safe or a port that is taken."""
    settings = service_settings(config.inference, os.environ, host=host, port=port, insecure=insecure)
    configure()
    _keep_memory()
    # How long a prediction thread may keep Python to itself while the event loop has something to move.
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        asyncio.run(_until_signal(config, settings))
    except OSError as error:
        found = f"{settings.host}:{settings.port} cannot be listened on ({error.strerror})"
        raise ConfigError.at("inference.port", found, "another port or address") from error


def _keep_memory() -> None:
    """Keep what a request frees for the next one: taken from the system anew, every 4 kB of it cost a page fault.

    Elsewhere than in the GNU C library nothing changes.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _KEPT_BLOCK_BYTES)
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


async def _until_signal(config: PipelineConfig, settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve_until(stop, config, settings)


async def serve_until(stop: asyncio.Event, config: PipelineConfig, settings: Settings) -> None:
    """Serve until `stop`: `/ready` turns 503, what has been accepted is answered, then this returns."""
    install()
    app = create_app(config, settings)
    service: Service = app.extensions["candle_ml"]
    listening = _Listening(settings)

    async def drained() -> None:
        await stop.wait()
        log.info("stopping")
        service.draining = True
        # Balancers see /ready, and clients are told to reconnect elsewhere, before the port closes.
        await asyncio.sleep(settings.drain_seconds)
        listening.close_port()
        # Hypercorn is about to close every connection that has not begun a request: let what has arrived begin.
        await asyncio.sleep(_FIRST_BYTES_SECONDS)

    serving = asyncio.create_task(hypercorn_serve(app, listening, shutdown_trigger=drained))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    # From Python 3.12 on closing waits for every connection, so that a stalled one could hold it up for ever.
    await asyncio.wait({serving}, timeout=settings.drain_seconds + _longest_answer(settings))
    if not serving.done():
        serving.cancel()
    stopping.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    log.info("stopped")


class _Listening(Config):
    """Hypercorn's configuration, which keeps the sockets so that the port can close before the connections do."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.bind = [f"{shown}:{settings.port}"]
        self.accesslog = None
        self.errorlog = logging.getLogger("hypercorn.error")
        self.include_server_header = False
        self.keep_alive_timeout = _KEEP_ALIVE_SECONDS
        self.graceful_timeout = _longest_answer(settings)
        self._listening: list[socket.socket] = []

    def create_sockets(self) -> Sockets:
        """As Hypercorn does."""
        sockets = super().create_sockets()
        self._listening = sockets.insecure_sockets
        return sockets

    def close_port(self) -> None:
        """Take no further connection."""
        for listener in self._listening:
            asyncio.get_running_loop().remove_reader(listener)
            # Hypercorn will close this descriptor, so it must stay valid; the port closes with what it stood for.
            with Path(os.devnull).open("rb") as nothing:
                os.dup2(nothing.fileno(), listener.fileno())


def _longest_answer(settings: Settings) -> float:
    """Seconds after which every request that has been accepted is answered."""
    return settings.body_timeout + settings.request_timeout + _LAST_ANSWERS_SECONDS
