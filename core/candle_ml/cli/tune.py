"""`candle-ml tune`."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from candle_ml.cli.common import (
    config_options,
    config_path,
    counted,
    human,
    input_options,
    json_option,
    print_json,
    print_table,
    progress,
)
from candle_ml.config import PipelineConfig, load_config, rewritten
from candle_ml.errors import ConfigError
from candle_ml.pipeline import read_input
from candle_ml.tuning import Tuned, TuningPlan, tune, tuning_plan
from candle_ml.tuning_study import Trial

_SHOWN, _LINE = 10, "\n"


@click.command("tune")
@config_options
@input_options
@click.option(
    "--write",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the pipeline with the best values into this new file.",
)
@click.option("--dry-run", is_flag=True, help="Only tell how much there is to do; this fits two folds.")
@json_option
def command(
    config: Path | None,
    overrides: tuple[str, ...],
    start: int | None,
    end: int | None,
    data_version: str | None,
    write: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Try the values of tune.search, each combination scored on folds of the train block; needs candle-ml[tune].

    What was tried is kept: a call that was killed goes on where it was. Another configuration or other data are another
    search. The test block is not looked at; candle-ml train with the best values measures them on it.
    """
    settings = load_config(config_path(config), overrides)
    if write is not None:
        _check_target(settings, write)
    with progress() as report:
        dataset = read_input(settings, start, end, data_version, report)
        if dry_run:
            plan = tuning_plan(dataset, settings)
        else:
            tuned = tune(dataset, settings, report)
    if dry_run:
        _print_plan(plan, as_json)
        return
    if write is not None:
        write.write_text(rewritten(settings, tuned.ranked()[0].overrides), "utf-8")
    if as_json:
        print_json(_summary(settings, tuned, write))
    else:
        _print(settings, tuned, write)


def _check_target(config: PipelineConfig, target: Path) -> None:
    """Refuse, before any trial, a file that is there, or from where other paths would be meant."""
    if target.exists():
        raise ConfigError.at(str(target), "is there already", "name a new file")
    folder = target.resolve().parent
    root = folder.parent if folder.name == "config" else folder
    if root != config.root or not folder.is_dir():
        expected = f"name a file in {config.root} or {config.root / 'config'}"
        raise ConfigError.at(str(target), "not in the folder of this project", expected)


def _print_plan(plan: TuningPlan, as_json: bool) -> None:
    if as_json:
        print_json(asdict(plan))
        return
    click.echo(f"to do: {counted(plan.trials, 'trial')} of {counted(plan.folds, 'fold')}, {plan.at_once} at once")
    time = timedelta(seconds=math.ceil(plan.seconds))
    click.echo(f"time: about {time} at most; the largest fold took {plan.fold_seconds:.1f} s")
    click.echo(f"memory: about {human(plan.memory)} a worker before a model is fitted")
    for note in plan.notes:
        click.echo(f"note: {note}")


def _summary(config: PipelineConfig, tuned: Tuned, written: Path | None) -> dict[str, object]:
    best = tuned.ranked()[0]
    return {
        "study": tuned.study,
        "metric": config.tune.metric,
        "unchanged": tuned.unchanged,
        "best": asdict(best),
        "trials": [asdict(one) for one in tuned.trials],
        "before": tuned.before,
        "again": tuned.again,
        "missing": config.tune.trials - len(tuned.trials),
        "notes": list(tuned.notes),
        "written": None if written is None else str(written),
    }


def _print(config: PipelineConfig, tuned: Tuned, written: Path | None) -> None:
    counts = Counter(one.status for one in tuned.trials)
    click.echo(f"study: {tuned.study}")
    if tuned.before or tuned.again:
        click.echo(f"goes on: {counted(tuned.before, 'trial')} had ended, {tuned.again} left unfinished and made again")
    click.echo(f"trials: {', '.join(f'{counts[name]} {name}' for name in ('finished', 'pruned', 'failed'))}")
    for one in tuned.trials:
        if one.error is not None:
            click.echo(f"trial {one.number} failed: {' '.join(one.overrides)}: {one.error.partition(_LINE)[0]}")
    missing = config.tune.trials - len(tuned.trials)
    if missing > 0:
        click.echo(f"tune.timeout: {counted(missing, 'trial')} missing; the same command goes on")
    for note in tuned.notes:
        click.echo(f"note: {note}")
    _print_best(config, tuned)
    if written is not None:
        click.echo(f"written: {written}")


def _print_best(config: PipelineConfig, tuned: Tuned) -> None:
    ranked, metric = tuned.ranked(), config.tune.metric
    keys = [override.partition("=")[0] for override in ranked[0].overrides]
    click.echo()
    print_table(("TRIAL", metric.upper(), *keys), [_cells(one) for one in ranked[:_SHOWN]])
    unchanged = "no score" if tuned.unchanged is None else f"{tuned.unchanged:.3f}"
    click.echo(f"{metric}, mean over the folds of the train block; the configuration as it is: {unchanged}\n")
    for override in ranked[0].overrides:
        click.echo(f"--set {shlex.quote(override)}")


def _cells(one: Trial) -> tuple[str, ...]:
    values = (override.partition("=")[2] for override in one.overrides)
    return str(one.number), f"{one.value or 0:.3f}", *map(_rounded, values)


def _rounded(text: str) -> str:
    value = json.loads(text)
    return f"{value:.4g}" if isinstance(value, float) else text
