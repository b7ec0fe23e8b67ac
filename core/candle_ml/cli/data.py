"""`candle-ml data`: what the sources hold."""

from __future__ import annotations

from pathlib import Path

import click

from candle_ml.cli.common import config_options, config_path, json_option, print_json, print_table, progress
from candle_ml.config import load_config
from candle_ml.data_report import DataReport, describe
from candle_ml.reading import read_dataset


@click.group("data")
def command() -> None:
    """Show what the sources of a pipeline hold."""


@command.command("report")
@config_options
@json_option
def report(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Count candles, annotations and reviewed candles, and name every row that was set aside."""
    with progress() as shown:
        dataset = read_dataset(load_config(config_path(config), overrides), progress=shown)
    found = describe(dataset)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    _print(found)
    for row in dataset.rejected:
        click.echo(f"set aside: {row.where}: {row.found}; {row.expected}")


def _print(found: DataReport) -> None:
    headers = ("PAIR", "TIMEFRAME", "CANDLES", "FIRST", "LAST", "GAPS", "VOLUME")
    rows = [
        (
            one.pair,
            one.timeframe,
            str(one.candles),
            one.first_time[:10],
            one.last_time[:10],
            str(one.gaps),
            "yes" if one.has_volume else "no",
        )
        for one in found.series
    ]
    print_table(headers, rows)
    click.echo()
    labels = [
        (one.pair, one.timeframe, count.label, count.source, str(count.annotations), str(count.candles))
        for one in found.series
        for count in one.annotations
    ]
    print_table(("PAIR", "TIMEFRAME", "LABEL", "SOURCE", "SPANS", "CANDLES"), labels)
    for note in found.notes:
        click.echo(f"note: {note}")
