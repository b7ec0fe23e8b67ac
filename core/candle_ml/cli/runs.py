"""`candle-ml runs`: what was trained, and how it went."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import click

from candle_ml.cli.common import config_options, json_option, print_json, print_table
from candle_ml.cli.db import project_root
from candle_ml.cli.prune import command as prune_command
from candle_ml.cli.sync import command as sync_command
from candle_ml.errors import DataError
from candle_ml.recorded import KnownRun, known_run, known_runs, unknown_ids
from candle_ml.spool import Spool
from candle_ml.state import RunStatus, StateStore, TrainingRun
from candle_ml.tracking import TrackingPlace

_HEADERS = ("RUN", "STATUS", "TYPE", "EXPERIMENT", "DATA", "STARTED AT", "TOOK", "MACRO F1", "ERROR")


@click.group("runs")
def command() -> None:
    """List training runs, show how one went, upload those that wait, and remove what old ones have left."""


command.add_command(sync_command)
command.add_command(prune_command)


@command.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@click.option("--status", type=click.Choice(get_args(RunStatus)), help="Only runs with this status.")
@config_options
@json_option
def list_runs(
    limit: int, status: RunStatus | None, config: Path | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """List the training runs, newest first."""
    root = project_root(config, overrides)
    runs = known_runs(root, limit, status)
    if as_json:
        print_json([_plain(known) for known in runs])
    elif not runs:
        click.echo(f"no run is {status}" if status else "no run is recorded; candle-ml train makes one")
    else:
        print_table(_HEADERS, [_cells(known) for known in runs])
    _tell_unknown(root)


@command.command("show")
@click.argument("run_id", metavar="RUN")
@click.option("--pipeline", is_flag=True, help="Print the configuration that it was trained with instead.")
@config_options
@json_option
def show(run_id: str, pipeline: bool, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show everything that is recorded of one RUN."""
    root = project_root(config, overrides)
    known = known_run(root, run_id)
    if pipeline:
        with StateStore.open(root, anew=False) as store:
            click.echo(store.config_text(known.run.config_hash), nl=False)
    elif as_json:
        print_json(_plain(known))
    else:
        _print(known, _tracking(Spool(root), run_id))


def _tell_unknown(root: Path) -> None:
    """Tell on standard error how many runs are here that the state store does not know, and what would do."""
    spool, unknown = Spool(root), unknown_ids(root)
    if not unknown:
        return
    waiting = len(unknown & spool.run_ids())
    enters = f"candle-ml runs sync enters those that wait ({waiting}), " if waiting else ""
    told = f"runs that this state store does not know: {len(unknown)}, in {spool.folders}"
    click.echo(f"{told}; {enters}candle-ml runs prune removes old ones", err=True)


def _plain(known: KnownRun) -> dict[str, object]:
    """A run as JSON holds it: times as ISO texts in UTC; `spooled` where it waits for the server, or `given_up`."""
    values = {name: _iso(value) if isinstance(value, datetime) else value for name, value in asdict(known.run).items()}
    return {**values, "spooled": known.spooled, "given_up": known.run.given_up}


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _cells(known: KnownRun) -> tuple[str, ...]:
    run = known.run
    f1_macro = run.metrics.get("f1_macro")
    return (
        run.run_id,
        known.status,
        run.model_type,
        run.experiment_name,
        run.dataset_version or "",
        _iso(run.created_at),
        _took(run),
        "" if f1_macro is None else f"{f1_macro:.3f}",
        (run.error or "").partition("\n")[0],
    )


def _took(run: TrainingRun) -> str:
    if run.completed_at is None:
        return ""
    return str(timedelta(seconds=round((run.completed_at - run.created_at).total_seconds())))


def _tracking(spool: Spool, run_id: str) -> str | None:
    """What a run waits for, None where it does not."""
    try:
        record = spool.record(run_id)
    except DataError as error:
        return f"spooled, not yet synced; {error}"
    if record is None:
        return None
    place = "" if record.tracking is None else f" to {TrackingPlace.of(record.tracking, spool.root).shown}"
    done = ", ".join(record.done) or "nothing"
    return f"spooled, not yet synced (done: {done}); candle-ml runs sync uploads it{place}"


def _print(known: KnownRun, tracking: str | None) -> None:
    run, facts = known.run, _plain(known)
    rows = [(name, str(facts[name])) for name in asdict(run) if name != "metrics" and facts[name] is not None]
    if tracking is not None:
        rows.append(("tracking", tracking))
    rows += [(f"metrics.{name}", "undefined" if value is None else f"{value:g}") for name, value in run.metrics.items()]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}")
