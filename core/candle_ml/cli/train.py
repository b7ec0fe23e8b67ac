"""`candle-ml train`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_ml.cli.common import (
    config_options,
    config_path,
    human,
    input_options,
    json_option,
    print_json,
    print_promotion,
    print_table,
    progress,
)
from candle_ml.config import PipelineConfig, load_config
from candle_ml.evaluation import flat_metrics
from candle_ml.pipeline import STAGES, RunResult, StageName, read_input, run
from candle_ml.series_work import PreparationPlan, preparation_plan

if TYPE_CHECKING:
    from candle_ml.stages import StageAlone


@click.command("train")
@config_options
@click.option("--stage", "until", type=click.Choice(STAGES), default="register", help="Stop after this stage.")
@click.option(
    "--only",
    type=click.Choice(STAGES[:-1]),
    help="Run this stage alone, from the files of the one before it in data/stages, as dvc.yaml does.",
)
@input_options
@click.option("--dry-run", is_flag=True, help="Only tell how much there is to do: partitions, memory and disk.")
@json_option
def command(
    config: Path | None,
    overrides: tuple[str, ...],
    until: StageName,
    only: StageAlone | None,
    start: int | None,
    end: int | None,
    data_version: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train, evaluate, track and register a model."""
    settings = load_config(config_path(config), overrides)
    if dry_run:
        with progress() as report:
            dataset = read_input(settings, start, end, data_version, report)
        _print_plan(preparation_plan(dataset, settings), as_json)
        return
    if only is not None:
        _run_alone(settings, only, start, end, data_version, as_json)
        return
    with progress() as report:
        result = run(settings, until=until, start=start, end=end, data_version=data_version, progress=report)
    if as_json:
        print_json(_summary(result))
        return
    _print(result)
    if result.spooled is not None:
        _print_waiting(result, config, overrides)


def _print_plan(plan: PreparationPlan, as_json: bool) -> None:
    if as_json:
        print_json(asdict(plan))
        return
    kept = "held in memory"
    if plan.missing is not None:
        kept = f"kept as partitions, {plan.missing} of {plan.series} to make, at most {human(plan.disk)} on disk"
    what = f"{plan.series} series, {plan.candles} candles, {plan.columns} columns, {human(plan.features)}"
    click.echo(f"features: {what}: {kept}")
    click.echo(f"memory: about {human(plan.memory)} before a model is fitted")
    click.echo(f"training matrix: {human(plan.sample)} a sample")


def _run_alone(
    config: PipelineConfig,
    stage: StageAlone,
    start: int | None,
    end: int | None,
    data_version: str | None,
    as_json: bool,
) -> None:
    from candle_ml.stages import run_stage

    if stage != "ingest" and (start, end, data_version) != (None, None, None):
        raise click.UsageError("--from, --to and --data-version choose what is read: with --only, of ingest alone")
    with progress() as report:
        dataset = read_input(config, start, end, data_version, report) if stage == "ingest" else None
        result = run_stage(config, stage, dataset, report)
    if as_json:
        print_json({"stage": stage, "folder": str(result.folder), "notes": list(result.lines)})
        return
    for line in result.lines:
        click.echo(line)
    click.echo(f"{stage}: {result.folder}")


def _summary(result: RunResult) -> dict[str, object]:
    evaluation, promotion = result.evaluation, result.promotion
    return {
        "run_id": result.run_id,
        "folder": str(result.folder) if result.trained else None,
        "report": str(result.report) if result.report else None,
        "data_hash": result.dataset.hash,
        "data_version": result.data_version,
        "model_hash": result.model_hash,
        "samples": _blocks(result),
        "metrics": None if evaluation is None else flat_metrics(evaluation),
        "version": None if promotion is None else promotion.version.version,
        "promoted": None if promotion is None else promotion.promoted,
        "reason": None if promotion is None else promotion.reason,
        "spooled": result.spooled,
        "notes": list(result.notes),
    }


def _blocks(result: RunResult) -> dict[str, int]:
    if result.prepared is None:
        return {}
    return {name: len(samples) for name, samples in result.prepared.split.parts().items()}


def _print(result: RunResult) -> None:
    series = result.dataset.series
    annotations = sum(len(data.annotations) for data in series.values())
    candles = sum(len(data.candles) for data in series.values())
    click.echo(f"data: {len(series)} series, {candles} candles, {annotations} annotations")
    if result.data_version:
        click.echo(f"      version {result.data_version}")
    if result.dataset.rejected:
        click.echo(f"      {len(result.dataset.rejected)} rows set aside; candle-ml data report names them")
    if result.prepared is not None:
        click.echo("samples: " + ", ".join(f"{count} {name}" for name, count in _blocks(result).items()))
    for note in result.notes:
        click.echo(f"note: {note}")
    if result.evaluation is not None:
        _print_scores(result)
    if result.report is not None:
        click.echo(f"report: {result.report}")
    if result.promotion is not None:
        print_promotion(result.promotion)
    if result.model_hash is not None:
        click.echo(f"model hash: {result.model_hash}")


def _print_waiting(result: RunResult, config: Path | None, overrides: tuple[str, ...]) -> None:
    """Why a run waits, and the command that uploads it: with what was said here of the place it goes to."""
    said = [] if config is None else ["-c", str(config)]
    for override in overrides:
        said += ["--set", override] if override.startswith("tracking") else []
    click.echo(f"not yet synced: {result.spooled}")
    click.echo(f"            kept in {result.folder}; {shlex.join(['candle-ml', 'runs', 'sync', *said])} uploads it")


def _print_scores(result: RunResult) -> None:
    evaluation = result.evaluation
    if evaluation is None:
        return
    click.echo(f"\ntest block, {evaluation.candles} candles:")
    rows = [
        (name, f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1_score:.3f}", str(score.support))
        for name, score in evaluation.per_class.items()
    ]
    print_table(("LABEL", "PRECISION", "RECALL", "F1", "CANDLES"), rows)
    baseline = evaluation.baselines.majority.f1_macro
    click.echo(f"macro F1 {evaluation.f1_macro:.3f} (always the majority: {baseline:.3f})")
    level = evaluation.spans.at(evaluation.spans.iou)
    click.echo(f"span F1 at IoU {level.iou:g}: {level.macro.f1_score:.3f} over {level.macro.labels} labels\n")
