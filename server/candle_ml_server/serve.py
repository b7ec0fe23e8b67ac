"""Runs the service: one Hypercorn worker, and an orderly end on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress

import structlog
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from candle_ml.config import PipelineConfig
from candle_ml_server.app import create_app
from candle_ml_server.logs import configure
from candle_ml_server.service import Service
from candle_ml_server.settings import Settings, service_settings

log = structlog.get_logger(part="service")
_KEEP_ALIVE_SECONDS = 20.0
_LAST_ANSWERS_SECONDS = 5.0


def serve(config: PipelineConfig, host: str | None, port: int | None, insecure: bool) -> None:
    """Serve until told to stop. Raises `ConfigError` for settings that are not safe."""
    settings = service_settings(config.inference, os.environ, host=host, port=port, insecure=insecure)
    configure()
    asyncio.run(run(config, settings))


async def run(config: PipelineConfig, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT: `/ready` turns 503, what has been accepted is answered, then this returns."""
    app = create_app(config, settings)
    service: Service = app.extensions["candle_ml"]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def drained() -> None:
        await stop.wait()
        log.info("stopping")
        service.draining = True
        # Balancers see /ready, and clients are told to reconnect elsewhere, before the port closes.
        await asyncio.sleep(settings.drain_seconds)

    serving = asyncio.create_task(hypercorn_serve(app, _hypercorn(settings), shutdown_trigger=drained))
    await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    # From Python 3.12 on closing waits for every connection, so that a stalled one could hold it up for ever.
    done, _ = await asyncio.wait({serving}, timeout=settings.drain_seconds + _longest_answer(settings))
    if serving in done:
        await serving
    else:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    log.info("stopped")


def _hypercorn(settings: Settings) -> Config:
    config = Config()
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    config.bind = [f"{shown}:{settings.port}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.graceful_timeout = _longest_answer(settings)
    return config


def _longest_answer(settings: Settings) -> float:
    return settings.body_timeout + settings.request_timeout + _LAST_ANSWERS_SECONDS
