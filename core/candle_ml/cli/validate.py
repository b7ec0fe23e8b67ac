"""`candle-ml validate`."""

from __future__ import annotations

from pathlib import Path

import click

from candle_ml.cli.common import config_options, config_path, json_option, print_json
from candle_ml.cluster import check_files
from candle_ml.config import PipelineConfig, check_buildable, check_search, load_config
from candle_ml.errors import ConfigError, Problem


@click.command("validate")
@config_options
@click.option("--show", is_flag=True, help="Print the effective configuration, defaults filled in.")
@json_option
def command(config: Path | None, overrides: tuple[str, ...], show: bool, as_json: bool) -> None:
    """Check a pipeline and build what it names: every error at once, each with its position."""
    path = config_path(config)
    try:
        checked = _checked(path, overrides)
    except ConfigError as error:
        if as_json:
            problems = [
                {"where": each.where, "found": each.found, "expected": each.expected} for each in error.problems
            ]
            print_json({"valid": False, "hash": None, "problems": problems})
            raise click.exceptions.Exit(error.exit_code) from error
        raise
    for note in checked.notes if not as_json else ():
        click.echo(f"note: {note}", err=True)
    if as_json:
        print_json({"valid": True, "hash": checked.hash, "problems": [], "notes": list(checked.notes)})
    else:
        click.echo(checked.text.rstrip() if show else f"{path}: valid, hash {checked.hash}")


def _checked(path: Path, overrides: tuple[str, ...]) -> PipelineConfig:
    config = load_config(path, overrides)
    problems: list[Problem] = []
    for check in (check_buildable, check_files, check_search):
        try:
            check(config)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return config
