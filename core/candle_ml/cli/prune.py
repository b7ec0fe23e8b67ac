"""`candle-ml runs prune`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_ml.cli.common import config_options, config_path, human, json_option, print_json, print_table

if TYPE_CHECKING:
    from candle_ml.pruning import OldRun

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class _Age(click.ParamType[timedelta]):
    """A number of hours, days or weeks: 12h, 30d, 8w."""

    name = "age"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, context: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,5})([hdw])", value)
        if found is None:
            self.fail(f"{value!r} is no age; write 12h, 30d or 8w", param, context)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command("prune")
@click.option("--keep", type=click.IntRange(0), metavar="N", help="Leave the newest N runs as they are.")
@click.option("--older-than", type=_Age(), metavar="AGE", help="Only runs that began longer ago: 12h, 30d, 8w.")
@click.option("--dry-run", is_flag=True, help="Only tell what would go and how much room that frees.")
@config_options
@json_option
def command(
    keep: int | None,
    older_than: timedelta | None,
    dry_run: bool,
    config: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Remove what old runs have left, to make room.

    That is their files, models and registered versions, here and at tracking.uri; with --older-than also features that
    trainings keep in .candle-ml/partitions and that none has used for so long.

    What stays: a version that has an alias or that a rollback would bring back, with its run; a run that is running or
    not yet synced; data versions; the line of every run in runs list. A run that the state store does not know goes by
    the same rules, an hour after its files have changed last.
    """
    if keep is None and older_than is None:
        raise click.UsageError("say which runs are old: --keep, --older-than or both")
    from candle_ml.config import load_config
    from candle_ml.overflow import remove_unused, unused_partitions
    from candle_ml.pruning import old_runs, prune

    settings = load_config(config_path(config), overrides)
    found = old_runs(settings, keep or 0, older_than or timedelta())
    runs = [old if dry_run or old.kept else prune(settings, old) for old in found]
    partitions = {}
    if older_than is not None:
        partitions = (unused_partitions if dry_run else remove_unused)(settings.root, older_than)
    if as_json:
        freed = {"freed": _freed(runs), "partitions": sum(partitions.values())}
        print_json({"dry_run": dry_run, **freed, "runs": [_plain(old) for old in runs]})
        return
    if runs or not partitions:
        _print(runs, dry_run)
    if partitions:
        size = human(sum(partitions.values()))
        click.echo(f"{'would free' if dry_run else 'freed'} {size} of {len(partitions)} partitions")
    if any(old.stored and not old.kept for old in runs) and (settings.tracking.uri or "").startswith("http"):
        click.echo("the tracking server keeps their entries, marked as deleted, until mlflow gc is run there")


def _print(runs: list[OldRun], dry_run: bool) -> None:
    if not runs:
        click.echo("nothing to prune")
        return
    going = sum(old.kept is None for old in runs)
    print_table(("RUN", "STATUS", "STARTED AT", "VERSIONS", "SIZE", "KEPT"), [_cells(old) for old in runs])
    click.echo(f"{'would free' if dry_run else 'freed'} {human(_freed(runs))} of {going} runs")


def _cells(old: OldRun) -> tuple[str, ...]:
    started = old.run.began_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    versions = " ".join(str(one.version) for one in old.versions)
    return (old.run.run_id, old.run.status, started, versions, human(old.freed), old.kept or "")


def _plain(old: OldRun) -> dict[str, object]:
    versions = [f"{one.model_name}/{one.version}" for one in old.versions]
    known = {"run_id": old.run.run_id, "status": old.run.status}
    return {**known, "versions": versions, "bytes": old.freed, "kept": old.kept}


def _freed(runs: list[OldRun]) -> int:
    return sum(old.freed for old in runs if old.kept is None)
