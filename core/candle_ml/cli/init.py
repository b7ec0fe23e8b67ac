"""`candle-ml init`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from candle_ml.demo import write_demo
from candle_ml.errors import ConfigError

_IGNORED = "mlflow.db\nmlartifacts/\n.candle-ml/\n"
_NEXT = """next:
  put candles into {shown}/data/candles, as PAIR_TIMEFRAME.csv (EURUSD_1h.csv)
  put the annotator's export into {shown}/data/annotations, as PAIR_TIMEFRAME.json
  {there}candle-ml data report && candle-ml train"""


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--demo", is_flag=True, help="Add real daily candles of five stocks, with annotations.")
def command(folder: Path, demo: bool) -> None:
    """Start a project in FOLDER (default: this one): pipeline.yaml, dvc.yaml and the data folders."""
    there = "" if folder == Path() else f"cd {folder} && "
    if demo:
        summary = write_demo(folder)
        _write_beside(folder)
        click.echo(f"{folder}: {summary.series} series, {summary.candles} candles, {summary.annotations} annotations")
        click.echo("in training TA-Lib's patterns come on top, as pipeline.yaml says: it counts more annotations")
        click.echo(f"next: {there}candle-ml train")
        return
    _write(folder)
    click.echo(_NEXT.format(shown=folder, there=there))


def _write(folder: Path) -> None:
    """Write what a project needs; an existing configuration is never touched."""
    config = folder / "config" / "pipeline.yaml"
    if config.exists():
        raise ConfigError.at(str(config), "is there already", "choose another folder, or edit it")
    for name in ("config", "data/candles", "data/annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    config.write_text(files("candle_ml.defaults").joinpath("pipeline.yaml").read_text("utf-8"), "utf-8")
    _write_beside(folder)


def _write_beside(folder: Path) -> None:
    """What git and dvc read, where nothing stands in its place."""
    dvc = files("candle_ml.defaults").joinpath("dvc.yaml").read_text("utf-8")
    for name, text in ((".gitignore", _IGNORED), ("dvc.yaml", dvc)):
        if not (folder / name).exists():
            (folder / name).write_text(text, "utf-8")
