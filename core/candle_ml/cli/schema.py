"""`candle-ml schema`."""

from __future__ import annotations

import click

from candle_ml.cli.common import print_json
from candle_ml.config import schema
from candle_ml.plugins import PluginManager


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of pipeline.yaml, the options of every installed plugin included."""
    print_json(schema(PluginManager.load()))
