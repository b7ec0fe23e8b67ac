"""`candle-ml audit`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from candle_ml.audit import AuditReport, AuditRow, audit_project
from candle_ml.cli.common import config_options, config_path, json_option, print_json, print_table, progress
from candle_ml.config import load_config


@click.group("audit")
def command() -> None:
    """Search a pipeline for numbers that are too good to be true."""


@command.command("leaks")
@config_options
@json_option
def leaks(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Poke every feature, label and block of a pipeline with what could not be known yet.

    Every extractor computes made candles of three series and two timeframes, cut after each candle in turn, and again
    from its lookback alone, and the configured data, cut in up to 64 places a series. Every pattern's sample is made
    again from what had happened when it says that it is known, and all samples once more with other prices after them.
    The blocks of the split must share neither candles nor future, on made candles and on the configured data.

    Exit code 0: no leak; 1: a leak was found.
    """
    with progress() as report:
        found = audit_project(load_config(config_path(config), overrides), report)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)
    if found.leaks:
        sys.exit(1)


def _print(report: AuditReport) -> None:
    rows = [(row.subject, row.check, row.outcome, _looked_at(row)) for row in report.rows]
    print_table(("SUBJECT", "WHAT MUST HOLD", "RESULT", "LOOKED AT"), rows)
    for row in report.rows:
        if row.found:
            click.echo(f"{row.outcome}: {row.subject}: {row.found}")
    leaks = len(report.leaks)
    verdict = "no leak" if not leaks else "1 leak" if leaks == 1 else f"{leaks} leaks"
    left = f", {len(report.left_out)} not looked at" if report.left_out else ""
    click.echo(f"{verdict} in {report.done} checks{left}, {report.seconds:.0f} s")


def _looked_at(row: AuditRow) -> str:
    return f"{row.looked_at:,} {row.unit}" if row.unit else ""
