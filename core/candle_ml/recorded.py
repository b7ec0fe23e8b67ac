"""The runs as they are known here: what the state store says, and of those that wait what the spool says.

A state store that was lost or exchanged does not know runs whose folders are here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from candle_ml.bundle import BundleInfo, bundle_info
from candle_ml.errors import BundleError, DataError, StateError
from candle_ml.spool import RunRecord, Spool
from candle_ml.state import RunStatus, StateStore, TrainingRun
from candle_ml.state.records import finite

_SPOOLED = ", spooled"
_GIVEN_UP = ", given up"


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run, and whether it waits in the spool: finished then, even if the state store was not told any more."""

    run: TrainingRun
    spooled: bool

    @property
    def status(self) -> str:
        """Its status in words."""
        return self.run.status + (_SPOOLED if self.spooled else _GIVEN_UP * self.run.given_up)


@dataclass(frozen=True, slots=True)
class UnknownRun:
    """A run that the state store does not know, though its folder is here or it waits in the spool.

    `experiment` is None where neither says it. It began at `began_at`, by its record, its bundle or else its folder;
    `changed_at` is when a file of its folder changed last.
    """

    run_id: str
    experiment: str | None
    began_at: datetime
    changed_at: datetime
    spooled: bool

    @property
    def status(self) -> str:
        """Its status in words."""
        return "unknown" + _SPOOLED * self.spooled


def known_runs(root: Path, limit: int | None = None, status: RunStatus | None = None) -> tuple[KnownRun, ...]:
    """The runs of a project, newest first; only those of one status where it is given. Raises `StateError`."""
    spool = Spool(root)
    with StateStore.open(root, anew=False) as store:
        found, waiting = store.runs(), spool.run_ids()
    known = [_known(spool, run, run.run_id in waiting) for run in found]
    return tuple(one for one in known if status in (None, one.run.status))[:limit]


def known_run(root: Path, run_id: str) -> KnownRun:
    """One run of a project. Raises `StateError` where there is none of that id, or only its files are here."""
    spool = Spool(root)
    with StateStore.open(root, anew=False) as store:
        waits = run_id in spool.run_ids()
        if run_id in _here(spool) and store.find_run(run_id) is None:
            raise _unknown_error(spool.folder(run_id), waits)
        return _known(spool, store.run(run_id), waits)


def unknown_ids(root: Path) -> frozenset[str]:
    """The runs that the state store does not know, though they are here. Raises `StateError`."""
    # Looked for before the store is asked: a run is entered there before it has a folder.
    here = _here(Spool(root))
    with StateStore.open(root, anew=False) as store:
        return here - {run.run_id for run in store.runs()}


def unknown_runs(root: Path) -> tuple[UnknownRun, ...]:
    """What is here of those runs. Raises `StateError`."""
    spool = Spool(root)
    return tuple(_unknown(spool, run_id) for run_id in sorted(unknown_ids(root)))


def _here(spool: Spool) -> frozenset[str]:
    return spool.run_ids() | {path.name for path in spool.folders.glob("[!.]*") if path.is_dir()}


def _known(spool: Spool, run: TrainingRun, spooled: bool) -> KnownRun:
    return KnownRun(_finished(spool, run) if spooled and run.status == "interrupted" else run, spooled)


def _finished(spool: Spool, run: TrainingRun) -> TrainingRun:
    """A run as its record has it; one whose record is damaged stays as it is."""
    record = _record(spool, run.run_id)
    if record is None:
        return run
    ended_at = run.created_at + record.took
    return replace(run, status="finished", metrics=finite(record.metrics), error=None, completed_at=ended_at)


def _record(spool: Spool, run_id: str) -> RunRecord | None:
    """The record of a run that waits; None also where it is damaged."""
    try:
        return spool.record(run_id)
    except DataError:
        return None


def _unknown(spool: Spool, run_id: str) -> UnknownRun:
    folder, record = spool.folder(run_id), _record(spool, run_id)
    changed_at = max(map(_changed_at, (folder, *folder.rglob("*"))))
    experiment, began_at = None, changed_at
    if record is not None:
        experiment, began_at = record.experiment, datetime.fromtimestamp(record.started_at / 1000, UTC)
    elif (info := _info(folder / "bundle")) is not None:
        experiment, began_at = info.experiment_name, datetime.fromtimestamp(info.trained_at, UTC)
    return UnknownRun(run_id, experiment, began_at, changed_at, run_id in spool.run_ids())


def _info(bundle: Path) -> BundleInfo | None:
    try:
        return bundle_info(bundle)
    except (BundleError, OSError):
        return None


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime if path.exists() else 0, UTC)


def _unknown_error(folder: Path, waits: bool) -> StateError:
    found = f"this state store does not know it; its files are in {folder}"
    expected = "candle-ml runs sync enters it"
    if not waits:
        uses = f"candle-ml predict --bundle {folder}/bundle uses its model, candle-ml runs prune removes it"
        expected = f"restore the store that knew it from a backup; {uses}"
    return StateError.at(f"run {folder.name}", found, expected)
