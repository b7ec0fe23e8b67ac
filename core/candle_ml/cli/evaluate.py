"""`candle-ml evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from candle_ml.cli.common import TIME, config_options, config_path, json_option, print_json, print_table, progress
from candle_ml.cli.selecting import model_options, selected
from candle_ml.config import load_config
from candle_ml.evaluation import Evaluation
from candle_ml.pipeline import evaluate_model
from candle_ml.reading import read_dataset


@click.command("evaluate")
@config_options
@model_options
@click.option("--from", "start", type=TIME, help="Score only what was annotated from this time on.")
@click.option("--to", "end", type=TIME, help="Leave out everything after this time.")
@json_option
def command(
    config: Path | None,
    overrides: tuple[str, ...],
    model: str | None,
    bundle: Path | None,
    start: int | None,
    end: int | None,
    as_json: bool,
) -> None:
    """Score a model on the reviewed candles of the configured sources.

    Candles that the model was trained on are part of it unless --from leaves them out; the output says how many.
    """
    settings = load_config(config_path(config), overrides)
    with progress() as report, selected(settings, model, bundle) as loaded:
        dataset = read_dataset(settings, start, end, report)
        evaluation, seen = evaluate_model(loaded, dataset, settings, report)
    if as_json:
        print_json({"in_sample_candles": seen, **evaluation.model_dump(mode="json")})
        return
    _print(evaluation, seen)


def _print(evaluation: Evaluation, seen: int) -> None:
    click.echo(f"{evaluation.candles} candles scored, {seen} of them seen in training")
    rows = [
        (name, f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1_score:.3f}", str(score.support))
        for name, score in evaluation.per_class.items()
    ]
    print_table(("LABEL", "PRECISION", "RECALL", "F1", "CANDLES"), rows)
    level = evaluation.spans.at(evaluation.spans.iou)
    click.echo(f"macro F1 {evaluation.f1_macro:.3f}, span F1 at IoU {level.iou:g}: {level.macro.f1_score:.3f}")
