"""`candle-ml runs sync`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_ml.cli.common import config_options, config_path, json_option, print_json, print_promotion, progress
from candle_ml.errors import RegistryError

if TYPE_CHECKING:
    from candle_ml.config import PipelineConfig
    from candle_ml.syncing import Destination, SyncedRun


@click.command("sync")
@click.option(
    "--to",
    type=click.Choice(("trained", "configured")),
    help="Where runs go that were trained for another place than tracking.uri names now: there, or to the latter.",
)
@click.option(
    "--give-up",
    "given_up",
    multiple=True,
    metavar="RUN",
    help="Upload nothing; never upload this RUN, which keeps its files until it is pruned. May be repeated.",
)
@config_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    to: Destination | None,
    given_up: tuple[str, ...],
    config: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Upload finished runs that wait here, and register their models.

    They wait because the tracking server was away when they were trained. Each goes to the server or store that it was
    trained for; an interrupted upload is continued, and no run becomes two versions. The alias moves as it does after a
    training. A run whose files are damaged or gone waits until you give it up.
    """
    from candle_ml.config import load_config
    from candle_ml.syncing import sync

    settings = load_config(config_path(config), overrides)
    if given_up:
        _give_up(settings, given_up, as_json)
        return
    with progress() as report:
        result = sync(settings, to, report)
    if as_json:
        print_json({"runs": [_plain(run) for run in result.runs], "closed": result.closed, "left": result.left})
    elif not (result.runs or result.closed or result.unclosed):
        click.echo("nothing to sync: no run waits")
    else:
        for run in result.runs:
            _print(run)
        for run_id in result.closed:
            click.echo(f"{run_id}: had ended unfinished; closed on the tracking server")
    for left in result.left:
        click.echo(left, err=True)
    if result.unclosed is not None:
        click.echo(f"what killed trainings have left open is not closed: {result.unclosed}", err=True)
    if result.unclosed is not None or any(run.error for run in result.runs):
        context.exit(RegistryError.exit_code)


def _give_up(config: PipelineConfig, run_ids: tuple[str, ...], as_json: bool) -> None:
    from candle_ml.spool import Spool
    from candle_ml.syncing import give_up

    for run_id in run_ids:
        left = give_up(config, run_id)
        if not as_json:
            folder = Spool(config.root).folder(run_id)
            click.echo(f"{run_id}: given up; what is in {folder} stays until candle-ml runs prune removes it")
        for what in left:
            click.echo(f"{run_id}: {what}", err=True)
    if as_json:
        print_json({"given_up": run_ids})


def _plain(run: SyncedRun) -> dict[str, object]:
    promotion = run.promotion
    return {
        "run_id": run.run_id,
        "synced": run.error is None,
        "place": run.place,
        "version": None if promotion is None else promotion.version.version,
        "promoted": None if promotion is None else promotion.promoted,
        "reason": run.error if promotion is None else promotion.reason,
    }


def _print(run: SyncedRun) -> None:
    if run.error is not None:
        click.echo(f"{run.run_id}: not synced: {run.error}", err=True)
        return
    if run.place is None:
        click.echo(f"{run.run_id}: synced by another candle-ml meanwhile")
        return
    click.echo(f"{run.run_id}: synced to {run.place}")
    if run.promotion is not None:
        print_promotion(run.promotion)
