"""`candle-ml reproduce`."""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from candle_ml.bundle import open_bundle
from candle_ml.cli.common import TIME, config_options, config_path, json_option, print_json, print_table, progress
from candle_ml.config import load_config
from candle_ml.registry import Registry
from candle_ml.reproduction import Compared, Reproduction, reproduce
from candle_ml.tracking import TrackingPlace
from candle_ml.whereabouts import of_version

_RESULTS = {True: "same", False: "differs", None: ""}


@click.command("reproduce")
@click.argument("version", metavar="VERSION|ALIAS|RUN")
@config_options
@click.option("--from", "start", type=TIME, help="The --from that the version was trained with.")
@click.option("--to", "end", type=TIME, help="The --to that the version was trained with.")
@json_option
def command(
    version: str,
    config: Path | None,
    overrides: tuple[str, ...],
    start: int | None,
    end: int | None,
    as_json: bool,
) -> None:
    """Train a registered VERSION again from the configuration in its bundle, and compare.

    It learns from the data version that it was trained on; where none was kept, the configured sources must still hold
    the same data. It learns with the code that is installed: no commit is checked out, but what differs from the code
    and the package versions of then is named. Nothing is registered.

    Exit code 0: golden probabilities agree to 1e-6 and, with the same versions and code, the model files are the same;
    1: they do not.
    """
    settings = load_config(config_path(config), overrides)
    registry = Registry(TrackingPlace.of(settings.tracking.uri, settings.root), settings.model_name)
    chosen = registry.select(version)
    with tempfile.TemporaryDirectory() as folder, progress() as report:
        with of_version(registry, chosen):
            sealed = open_bundle(registry.fetch(chosen, Path(folder)), chosen.digest)
        made = reproduce(sealed, settings.root, start, end, report)
    if as_json:
        print_json(_summary(chosen.version, made))
    else:
        _print(chosen.version, made)
    if not made.reproduced:
        sys.exit(1)


def _summary(version: int, made: Reproduction) -> dict[str, object]:
    difference = made.largest_difference
    return {
        "version": version,
        "reproduced": made.reproduced,
        "largest_difference": difference if math.isfinite(difference) else None,
        "compared": [asdict(row) for row in made.compared],
    }


def _print(version: int, made: Reproduction) -> None:
    print_table(("WHAT", "STORED", "HERE", "RESULT"), [_cells(row) for row in made.compared])
    click.echo(f"version {version} is {'' if made.reproduced else 'not '}reproduced")


def _cells(row: Compared) -> tuple[str, ...]:
    return row.what, row.stored, row.here, _RESULTS[row.same]
