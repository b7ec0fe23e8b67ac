"""`candle-ml doctor`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_ml.cli.common import config_options, config_path, json_option, print_json, print_table
from candle_ml.config import PipelineConfig, check_buildable, load_config
from candle_ml.errors import CandleMLError, StateError
from candle_ml.plugins import PluginManager
from candle_ml.registry import Registry
from candle_ml.tracking import TrackingPlace

if TYPE_CHECKING:
    from candle_ml.state import DatabasePlace

_PACKAGES = ("numpy", "pandas", "TA-Lib", "scikit-learn", "xgboost-cpu", "mlflow", "quart", "dvc")
_REVISIONS = {
    "missing": "not made yet",
    "behind": "of an older version; what uses it migrates it",
    "current": "up to date",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `status` is `ok`, `missing` (may be fine) or `problem`."""

    subject: str
    status: str
    detail: str


@click.command("doctor")
@config_options
@json_option
def command(config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check installation, plugins, pipeline, state store and registry; exit code 1 where there is a problem."""
    findings = [*_installation(), *_plugins(), *_project(config, overrides)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("WHAT", "STATUS", "DETAIL"), [(f.subject, f.status, f.detail) for f in findings])
    if any(finding.status == "problem" for finding in findings):
        sys.exit(1)


def _installation() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in _PACKAGES:
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "missing", "needed only by what uses it")


def _plugins() -> Iterator[Finding]:
    for row in PluginManager.load().listing():
        status = "ok" if row.status == "ok" else "problem"
        yield Finding(f"{row.kind} {row.name}", status, row.error or f"{row.distribution} {row.version}")


def _project(given: Path | None, overrides: tuple[str, ...]) -> Iterator[Finding]:
    try:
        config = load_config(config_path(given), overrides)
    except CandleMLError as error:
        yield Finding("pipeline", "problem", str(error))
        return
    yield _checked("pipeline", lambda: _built(config))
    yield _checked("state store", lambda: _recorded(config))
    yield _checked("registry", lambda: _registered(config))


def _checked(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, "ok", look())
    except CandleMLError as error:
        return Finding(subject, "problem", str(error))


def _built(config: PipelineConfig) -> str:
    check_buildable(config)
    return f"valid, hash {config.hash[:12]}"


def _recorded(config: PipelineConfig) -> str:
    """How the state store does: a file is made and migrated by what uses it, PostgreSQL is not."""
    from candle_ml.state import Database, DatabasePlace, schema

    database = Database(DatabasePlace.of(config.root))
    try:
        _check_folder(database.place)
        schema.check_lost(database.place)
        found = schema.status(database)
        if database.place.file is None or found.condition == "unknown":
            schema.check(database)
    finally:
        database.close()
    return f"{found.database}: {_REVISIONS[found.condition]}"


def _check_folder(place: DatabasePlace) -> None:
    """Raise `StateError` where the folder of a file that the environment names is not there."""
    if place.file is not None and place.runs is None and not place.file.parent.is_dir():
        found = f"its folder {place.file.parent} is not there"
        raise StateError.at(place.where, found, "make it, or correct CANDLE_ML_DATABASE_URL")


def _registered(config: PipelineConfig) -> str:
    if not (config.tracking.enabled and config.registry.enabled):
        return "disabled"
    place = TrackingPlace.of(config.tracking.uri, config.root)
    registry = Registry(place, config.model_name)
    served = registry.at_alias(config.registry.alias)
    serving = "none is served" if served is None else f"version {served.version} is served"
    return f"{place.shown}: {len(registry.versions())} versions, {serving}"
