"""`candle-ml data`: what the sources hold, and the versions of it that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_ml.cli.common import config_options, config_path, json_option, print_json, print_table, progress
from candle_ml.config import load_config
from candle_ml.data_report import DataReport, describe
from candle_ml.errors import DataError
from candle_ml.reading import read_dataset

if TYPE_CHECKING:
    from candle_ml.versions import KeptVersion, ListedVersion


@click.group("data")
def command() -> None:
    """Look at the data that a model learns from; keep versions of it, list and restore them."""


@command.command("report")
@config_options
@json_option
def report(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Count what the sources hold, and name what is left out.

    That is candles, annotations and reviewed candles; each row that cannot be used is set aside and named.
    """
    with progress() as shown:
        dataset = read_dataset(load_config(config_path(config), overrides), progress=shown)
    found = describe(dataset)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    _print(found)
    for row in dataset.rejected:
        click.echo(f"set aside: {row.where}: {row.found}; {row.expected}")


@command.command("snapshot")
@config_options
@json_option
def snapshot(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Keep what the sources hold now as a data version.

    It consists of Parquet files with a SHA-256 manifest, and DVC stores copies of them. A version is named by its
    content: the same data is kept once.
    """
    from candle_ml import versions

    settings = load_config(config_path(config), overrides)
    with progress() as shown:
        kept = versions.snapshot(settings, read_dataset(settings, progress=shown))
    _print_kept(kept, as_json, "kept" if kept.new else "kept before, and intact")


@command.command("checkout")
@click.argument("version")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="A new folder to put it in.  [default: its own folder in data.path]",
)
@config_options
@json_option
def checkout(version: str, to: Path | None, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Restore the files of a data VERSION.

    They come from DVC's cache or remote, and every one is proven by its SHA-256. A missing copy of a file is made
    again from an intact one; a damaged one is named and not used.
    """
    from candle_ml import versions

    kept = versions.checkout(load_config(config_path(config), overrides), version, to)
    _print_kept(kept, as_json, "restored, every file proven")


@command.command("list")
@click.option("--prove", is_flag=True, help="Look at every byte of every copy.")
@config_options
@json_option
def list_versions(prove: bool, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the data versions that are kept, and where their files are."""
    from candle_ml import versions

    found = versions.listed(load_config(config_path(config), overrides), prove)
    if as_json:
        print_json([_plain(one) for one in found])
    elif not found:
        click.echo("no data version is kept; candle-ml data snapshot makes one")
    else:
        headers = ("VERSION", "SERIES", "CANDLES", "ANNOTATIONS", "SAMPLES", "BYTES", "FOLDER", "CACHE", "REMOTE")
        print_table(headers, [_cells(one, prove) for one in found])
    problems = [problem for one in found for problem in one.problems]
    if problems:
        raise DataError(*problems)


def _print_kept(kept: KeptVersion, as_json: bool, done: str) -> None:
    facts = kept.facts
    if as_json:
        places = {"folder": str(kept.folder), "remote": str(kept.remote), "new": kept.new}
        print_json(places | facts.model_dump(mode="json"))
        return
    samples = "" if facts.samples is None else f", {facts.samples} samples"
    counts = f"{len(facts.series)} series, {facts.candles} candles, {facts.annotations} annotations{samples}"
    click.echo(f"data version {kept.name}: {counts}")
    click.echo(f"{done}: {kept.folder}")
    click.echo(f"copies: {kept.remote}")


def _plain(one: ListedVersion) -> dict[str, object]:
    facts = None if one.facts is None else one.facts.model_dump(mode="json")
    places = {"folder": one.folder, "cache": one.cache, "remote": one.remote}
    return {"version": one.name, "bytes": one.size, **places, "facts": facts, "problems": [*map(str, one.problems)]}


def _cells(one: ListedVersion, prove: bool) -> tuple[str, ...]:
    facts = one.facts
    counts = ("?",) * 4
    if facts is not None:
        samples = "" if facts.samples is None else str(facts.samples)
        counts = (str(len(facts.series)), str(facts.candles), str(facts.annotations), samples)
    states = tuple(state or "?" for state in (one.folder, one.cache, one.remote))
    shown = states if prove else tuple("there" if state == "intact" else state for state in states)
    return (one.name, *counts, "?" if one.size is None else str(one.size), *shown)


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
