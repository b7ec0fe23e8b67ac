"""Removing what old runs have left: files, models and registered versions, but nothing that is served or may be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from candle_ml.bundle import EFFECTIVE
from candle_ml.config import PipelineConfig, parse_config
from candle_ml.errors import CandleMLError
from candle_ml.recorded import KnownRun, UnknownRun, known_runs, unknown_runs
from candle_ml.registry import Registry
from candle_ml.spool import Spool
from candle_ml.state import DatabasePlace, StateStore
from candle_ml.stored import StoredRun, StoredVersion
from candle_ml.tracking import EMBEDDED, TrackedRun, TrackingPlace

_SETTLED = timedelta(hours=1)
"""Files of a run that this state store does not know count as those of a running one until they are so old."""

_UPLOADED = frozenset({"finished", "unknown"})
"""The states of runs that may be on a tracking server; one that was given up needs nothing of what is here."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that may be old, with its status in words; `kept` says why it stays, whatever is left of it."""

    run_id: str
    status: str
    began_at: datetime
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run that is old enough to go, with what is left of it; `freed` is in bytes.

    Where `kept` says why, it stays.
    """

    run: Candidate
    folder: Path
    stored: StoredRun | None
    versions: tuple[StoredVersion, ...]
    freed: int
    kept: str | None


def old_runs(config: PipelineConfig, keep: int, older_than: timedelta) -> Iterator[OldRun]:
    """The runs of this experiment beyond the newest `keep` that began longer ago than `older_than`, newest first.

    Among them are those that the state store does not know, though their files are here. A running one is none of
    them, nor one of which nothing is left. Raises `RegistryError` and `StateError`.
    """
    begun_before = datetime.now(UTC) - older_than
    with StateStore.open(config.root, anew=False) as store:
        for run in _candidates(config)[keep:]:
            if not run.status.startswith("running") and run.began_at < begun_before:
                found = _looked_at(config, run, store)
                if found.stored is not None or found.folder.exists():
                    yield found


def prune(config: PipelineConfig, old: OldRun) -> OldRun:
    """Remove what is left of a run, unless by now something keeps it; returns it as it was found just before.

    Its line in the state store stays, and so do data versions.
    """
    spool, run_id = Spool(config.root), old.run.run_id
    with spool.held(), StateStore.open(config.root, anew=False) as store:
        found = _looked_at(config, old.run, store)
        if found.kept is None:
            # What an interrupted deletion has left of a run is not taken for one that was lost there.
            spool.prune(run_id)
            if found.stored is not None:
                found.stored.delete()
            shutil.rmtree(found.folder, ignore_errors=True)
            spool.forget(run_id)
    return found


def _candidates(config: PipelineConfig) -> list[Candidate]:
    """The project's runs of this experiment, and those of which nothing says that they are of another; newest first."""
    known = [_known(one) for one in _own_runs(config.root) if one.run.experiment_name == config.experiment]
    unknown = [_unknown(one) for one in unknown_runs(config.root) if one.experiment in (None, config.experiment)]
    return sorted([*known, *unknown], key=lambda run: run.began_at, reverse=True)


def _own_runs(root: Path) -> Iterator[KnownRun]:
    """The runs of this project: a state store that is not its own may know those of others."""
    spool = Spool(root)
    own_store = DatabasePlace.of(root).runs == spool.folders.resolve()
    return (one for one in known_runs(root) if own_store or spool.owns(one.run.run_id))


def _known(one: KnownRun) -> Candidate:
    return Candidate(one.run.run_id, one.status, one.run.created_at)


def _unknown(one: UnknownRun) -> Candidate:
    recent = datetime.now(UTC) - one.changed_at < _SETTLED
    kept = "changed within the last hour, and may be running" if recent else None
    return Candidate(one.run_id, one.status, one.began_at, kept)


def _looked_at(config: PipelineConfig, run: Candidate, store: StateStore) -> OldRun:
    spool = Spool(config.root)
    stored, versions = _stored(config, run.run_id) if config.tracking.enabled else (None, ())
    served = [one for one in versions if one.pinned or store.last_loaded(one.model_name) == one.version]
    kept = [f"{one.model_name} version {one.version} is served or a rollback away" for one in served]
    kept += [run.kept] if run.kept else []
    if run.run_id in spool.run_ids():
        kept.append("not yet synced")
    else:
        kept += _untold(config, run, stored)
    folder = spool.folder(run.run_id)
    freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return OldRun(run, folder, stored, versions, freed + (stored.size() if stored else 0), "; ".join(kept) or None)


def _stored(config: PipelineConfig, run_id: str) -> tuple[StoredRun | None, tuple[StoredVersion, ...]]:
    """What the configured place keeps of a run, and what it was registered as.

    Of versions the registry is asked as well: an answer that holds neither run nor version may be none of MLflow's.
    """
    place = TrackingPlace.of(config.tracking.uri, config.root)
    stored, registry = StoredRun.find(place, config.experiment, run_id), Registry(place, config.model_name)
    found = set(stored.versions()) if stored else set()
    pinned = registry.pinned()
    found |= {StoredVersion(one.name, one.version, one.version in pinned) for one in registry.of_run(run_id)}
    return stored, tuple(sorted(found, key=lambda one: (one.model_name, one.version)))


def _untold(config: PipelineConfig, run: Candidate, stored: StoredRun | None) -> Iterator[str]:
    """Why the place that was asked, if any, cannot tell whether a run is needed."""
    if run.status not in _UPLOADED:
        return
    spool, run_id = Spool(config.root), run.run_id
    uploaded = spool.uploaded(run_id)
    try:
        address = (uploaded.tracking if uploaded else None) or _trained_for(config.root, run_id)
    except (CandleMLError, OSError, ValueError):
        yield "its bundle does not tell where it is tracked"
        return
    place, asked = (TrackingPlace.of(uri, config.root) for uri in (address, config.tracking.uri))
    if address is not None and (place != asked or place.is_unmade or not config.tracking.enabled):
        yield f"belongs to {place.shown}, which was not asked"
    elif address and not stored and not spool.is_pruned(run_id) and not _is_deleted(config, asked, run_id):
        how = "was uploaded to" if uploaded else "was trained for"
        yield f"{how} {asked.shown}, which knows nothing of it"


def _is_deleted(config: PipelineConfig, place: TrackingPlace, run_id: str) -> bool:
    """Whether somebody has deleted a run where it was uploaded to."""
    return TrackedRun.find(place, config.experiment, run_id, deleted=True) is not None


def _trained_for(root: Path, run_id: str) -> str | None:
    """The address that a run was trained for; None where it has none, or no bundle that could be anywhere."""
    path = Spool(root).folder(run_id) / "bundle" / EFFECTIVE
    if not path.parent.exists():
        return None
    tracking = parse_config(path.read_text("utf-8"), str(path), root).tracking
    return (tracking.uri or EMBEDDED) if tracking.enabled else None
