"""`candle-ml serve`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from candle_ml.cli.common import config_options, config_path
from candle_ml.config import load_config
from candle_ml.errors import PluginError


@click.command("serve")
@config_options
@click.option("--host", help="Address to listen on  [default: inference.host]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on  [default: inference.port]")
@click.option("--insecure", is_flag=True, help="Listen beyond this machine although no API key is set.")
def command(
    config: Path | None, overrides: tuple[str, ...], host: str | None, port: int | None, insecure: bool
) -> None:
    """Serve predictions over HTTP until told to stop.

    Every route but /health wants the key in CANDLE_ML_API_KEY, if it is set.
    """
    settings = load_config(config_path(config), overrides)
    try:
        # The core imports no server: the service is one way to use it among others.
        serve = import_module("candle_ml_server.serve").serve
    except ModuleNotFoundError as error:
        found = f"the package {error.name!r} is missing"
        raise PluginError.at("serve", found, "pip install 'candle-ml[server]'") from error
    serve(settings, host, port, insecure)
