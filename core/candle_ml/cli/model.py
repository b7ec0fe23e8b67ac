"""`candle-ml model`: what is registered, and which version is served."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from candle_ml.cli.common import config_options, config_path, json_option, print_json, print_table
from candle_ml.config import PipelineConfig, load_config
from candle_ml.dataset import iso_time
from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.spool import Spool
from candle_ml.tracking import TrackingPlace


@click.group("model")
def command() -> None:
    """List, promote and roll back registered models."""


@command.command("list")
@config_options
@json_option
def list_versions(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the registered versions, newest first."""
    versions = _registry(load_config(config_path(config), overrides)).versions()
    if as_json:
        print_json([asdict(version) for version in versions])
    elif not versions:
        click.echo("no version is registered; candle-ml train makes one")
    else:
        headers = ("VERSION", "ALIASES", "TYPE", "TRAINED AT", "MACRO F1", "RUN")
        print_table(headers, [_cells(version) for version in versions])


@command.command("promote")
@click.argument("version", type=click.IntRange(1))
@config_options
def promote(version: int, config: Path | None, overrides: tuple[str, ...]) -> None:
    """Let the served alias point at VERSION."""
    settings = load_config(config_path(config), overrides)
    with Spool(settings.root).held():
        _registry(settings).promote(version, settings.registry.alias)
    click.echo(f"{settings.model_name}: alias {settings.registry.alias!r} points at version {version}")


@command.command("rollback")
@config_options
def rollback(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Let the served alias point at the version it pointed to before."""
    settings = load_config(config_path(config), overrides)
    with Spool(settings.root).held():
        version = _registry(settings).rollback(settings.registry.alias)
    click.echo(f"{settings.model_name}: alias {settings.registry.alias!r} points at version {version.version} again")


def _registry(config: PipelineConfig) -> Registry:
    return Registry(TrackingPlace.of(config.tracking.uri, config.root), config.model_name)


def _cells(version: RegisteredVersion) -> tuple[str, ...]:
    f1_macro = "" if version.f1_macro is None else f"{version.f1_macro:.3f}"
    trained_at = iso_time(version.trained_at)
    return (str(version.version), " ".join(version.aliases), version.model_type, trained_at, f1_macro, version.run_id)
