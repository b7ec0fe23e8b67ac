"""`candle-ml trace`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from candle_ml.bundle import SeriesAnnotations
from candle_ml.cli.common import config_options, config_path, json_option, print_json
from candle_ml.config import PipelineConfig, load_config
from candle_ml.dataset import Dataset, iso_time
from candle_ml.errors import StateError
from candle_ml.registry import Registry
from candle_ml.state import StateStore
from candle_ml.trace import Trace, trace
from candle_ml.tracking import TrackingPlace

_MOST_IDS = 20


@click.command("trace")
@click.argument("version", metavar="VERSION|ALIAS|RUN")
@click.option("--pipeline", is_flag=True, help="Print the configuration that it was trained with instead.")
@config_options
@json_option
def command(version: str, pipeline: bool, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show what a registered VERSION was made of: run, data version, annotations, configuration, code and packages.

    What its bundle says is compared with the registry, the state store and the kept data version. Exit code 0: they
    agree, as far as they are there; 1: they do not.
    """
    made = _made(load_config(config_path(config), overrides), version)
    if pipeline:
        click.echo(made.effective, nl=False)
    elif as_json:
        print_json(made.model_dump(mode="json"))
    else:
        _print(made)
    if made.mismatches:
        sys.exit(1)


def _made(config: PipelineConfig, version: str) -> Trace:
    registry = Registry(TrackingPlace.of(config.tracking.uri, config.root), config.model_name)
    find_data = partial(_find_data, config)
    try:
        store = StateStore.open(config.root, anew=False)
    except StateError as error:
        click.echo(f"warning: {error}", err=True)
        return trace(registry, version, None, find_data)
    with store:
        return trace(registry, version, store, find_data)


def _find_data(config: PipelineConfig, name: str) -> Dataset | None:
    from candle_ml.versions import find_version

    return find_version(config, name)


def _print(made: Trace) -> None:
    fitted = sum(len(one.fitted) for one in made.annotations)
    others = sum(len(one.others) for one in made.annotations)
    packages = (f"{name} {version}" for name, version in sorted(made.versions.packages.items()))
    rows = [
        ("model", f"{made.model_name} version {made.version} {' '.join(made.aliases)}"),
        ("digest", made.digest),
        ("run", f"{made.run_id} {made.run_status or ''}"),
        ("trained", f"{made.model_type} in experiment {made.experiment_name} at {iso_time(made.trained_at)}"),
        ("data version", made.data_version or ""),
        ("data hash", made.data_hash),
        ("annotations", f"{fitted} fitted, {others} others"),
        *[(f"  {one.pair} {one.timeframe}", _shown(one)) for one in made.annotations],
        ("configuration", f"{made.config_hash}; --pipeline prints it"),
        ("commit", made.commit or ""),
        ("packages", ", ".join((f"Python {made.versions.python}", *packages))),
        *[("missing", text) for text in made.missing],
        *[("mismatch", text) for text in made.mismatches],
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}".rstrip())


def _shown(one: SeriesAnnotations) -> str:
    return "; ".join(f"{what} {_few(ids)}" for what, ids in (("fitted", one.fitted), ("others", one.others)) if ids)


def _few(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - _MOST_IDS} more (--json)" if len(ids) > _MOST_IDS else ""
    return " ".join(ids[:_MOST_IDS]) + more
