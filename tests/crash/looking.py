"""What stands in a project after a kill, as a process sees it that starts now."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from candle_ml.bundle import open_bundle
from candle_ml.config import PipelineConfig, load_config
from candle_ml.errors import CandleMLError
from candle_ml.registry import RegisteredVersion, Registry
from candle_ml.state import StateStore
from candle_ml.tracking import TrackingPlace
from candle_ml_server.models import ModelStore, Selection


def look(root: Path) -> None:
    """Print it as the JSON of a `Seen`."""
    config = load_config(root / "config" / "pipeline.yaml")
    with StateStore.open(root) as store:
        runs = {run.run_id: run.status for run in store.runs()}
    versions = registry(config).versions()
    seen = {
        "versions": {str(version.version): version.run_id for version in versions},
        "wrong": list(wrong(config, versions)),
        "served": served(config),
        "runs": runs,
        "spooled": sorted(path.stem for path in (root / ".candle-ml" / "spool").glob("*.json")),
        "tracked": dict(Counter(tracked(config))),
    }
    sys.stdout.write(json.dumps(seen))


def registry(config: PipelineConfig) -> Registry:
    return Registry(TrackingPlace.of(None, config.root), config.model_name)


def wrong(config: PipelineConfig, versions: tuple[RegisteredVersion, ...]) -> Iterator[str]:
    """Every version that is not complete: whose bundle is not that of its run, by the digest the registry has."""
    for version in versions:
        try:
            with TemporaryDirectory() as folder:
                sealed = open_bundle(registry(config).fetch(version, Path(folder)), version.digest)
        except CandleMLError as error:
            yield f"version {version.version}: {error}"
        else:
            if sealed.info.run_id != version.run_id:
                yield f"version {version.version}: made by {version.run_id}, holds {sealed.info.run_id}"


def served(config: PipelineConfig) -> int | None:
    """The version that a service which starts now serves, loaded, proven and warm."""
    store = ModelStore(TrackingPlace.of(None, config.root), config.model_name)
    version = store.find(Selection(alias=config.registry.alias))
    if version is None or store.load(version).loaded.info.run_id != version.run_id:
        return None
    return version.version


def tracked(config: PipelineConfig) -> list[str]:
    """How every run on the tracking server stands."""
    client = TrackingPlace.of(None, config.root).client()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return [str(run.info.status) for run in client.search_runs(experiments)]
