"""`candle-ml plugins`."""

from __future__ import annotations

from dataclasses import asdict

import click

from candle_ml.cli.common import json_option, print_json, print_table
from candle_ml.plugins import PluginManager, PluginRow


@click.command("plugins")
@click.option("--disable", multiple=True, metavar="NAME", help="Do not import this plugin or distribution.")
@json_option
def command(disable: tuple[str, ...], as_json: bool) -> None:
    """List every component that the installed plugins offer, with its options, and every plugin that fails."""
    rows = PluginManager.load(disable).listing()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    print_table(("NAME", "KIND", "STATUS", "PLUGIN", "DISTRIBUTION", "OPTIONS"), [_cells(row) for row in rows])
    for row in rows:
        if row.error:
            click.echo(f"\n{row.kind} {row.name!r} of {row.distribution} {row.version}: {row.error}")


def _cells(row: PluginRow) -> tuple[str, ...]:
    return (row.name, row.kind, row.status, row.plugin, f"{row.distribution} {row.version}", _options(row))


def _options(row: PluginRow) -> str:
    properties = (row.options or {}).get("properties")
    return " ".join(properties) if isinstance(properties, dict) else ""
