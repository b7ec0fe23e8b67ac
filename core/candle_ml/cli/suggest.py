"""`candle-ml suggest`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from candle_ml.bundle import BundleInfo
from candle_ml.candles import SeriesKey
from candle_ml.cli.common import config_options, config_path, json_option, json_text, print_table, progress
from candle_ml.cli.selecting import model_options, selected
from candle_ml.config import PipelineConfig, load_config
from candle_ml.dataset import Dataset, iso_time
from candle_ml.errors import DataError
from candle_ml.inference import Doubt, Suggestion, Suggestions, check_timeframes
from candle_ml.reading import read_dataset
from candle_ml.suggesting import suggest_anew


@click.command("suggest")
@config_options
@model_options
@click.option("--pair", help="Only series of this pair.")
@click.option("--timeframe", help="Only series of this timeframe.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Most of either kind.")
@json_option
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON here instead.")
def command(
    config: Path | None,
    overrides: tuple[str, ...],
    model: str | None,
    bundle: Path | None,
    pair: str | None,
    timeframe: str | None,
    limit: int,
    as_json: bool,
    output: Path | None,
) -> None:
    """Tell what to annotate next and which annotations to look at again, of what the configured sources hold now.

    A stretch that is annotated or reviewed by now is not suggested. The model is not trained anew; annotations are
    judged by models that are fitted for it on parts of them (suggest.folds).
    """
    settings = load_config(config_path(config), overrides)
    with progress() as report, selected(settings, model, bundle) as loaded:
        dataset = read_dataset(settings, None, None, report)
        keys = _asked(dataset, pair, timeframe)
        check_timeframes(loaded.info, keys, settings)
        found, notes = suggest_anew(loaded, dataset, _limited(settings, limit), keys, report)
    for note in notes:
        click.echo(f"note: {note}", err=True)
    if output is not None:
        output.write_text(_json(loaded.info, found), "utf-8")
    elif as_json:
        click.echo(_json(loaded.info, found), nl=False)
    else:
        _print(found)


def _asked(dataset: Dataset, pair: str | None, timeframe: str | None) -> list[SeriesKey]:
    """The series that are asked for. Raises `DataError` where the sources have none of them."""
    keys = [key for key in dataset.series if pair in (None, key.pair) and timeframe in (None, key.timeframe)]
    if not keys:
        wanted = " ".join(name for name in (pair, timeframe) if name is not None)
        raise DataError.at(
            "sources", f"no series {wanted}", f"one of: {', '.join(map(str, list(dataset.series)[:20]))}"
        )
    return keys


def _limited(settings: PipelineConfig, limit: int) -> PipelineConfig:
    return replace(settings, suggest=settings.suggest.model_copy(update={"limit": limit}))


def _json(info: BundleInfo, found: Suggestions) -> str:
    return json_text({"model_name": info.model_name, "run_id": info.run_id, **found.model_dump(mode="json")})


def _print(found: Suggestions) -> None:
    stretches = [
        (*_place(one), one.label, f"{one.confidence:.3f}", f"{one.uncertainty:.3f}", one.why)
        for one in found.suggestions
    ]
    print_table(("PAIR", "TIMEFRAME", "START", "END", "LABEL", "CONFIDENCE", "UNCERTAINTY", "WHY"), stretches)
    click.echo(f"\n{len(found.review)} annotations to look at again")
    if found.review:
        doubted = [(*_place(one), one.id, one.label, one.likely_label, f"{one.doubt:.3f}") for one in found.review]
        print_table(("PAIR", "TIMEFRAME", "START", "END", "ANNOTATION", "LABEL", "LIKELY", "DOUBT"), doubted)


def _place(one: Suggestion | Doubt) -> tuple[str, str, str, str]:
    return one.pair, one.timeframe, iso_time(one.start_time), iso_time(one.end_time)
