"""The runs as they are known here: what the state store says, and of those that wait what the spool says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from candle_ml.errors import DataError
from candle_ml.spool import Spool
from candle_ml.state import RunStatus, StateStore, TrainingRun
from candle_ml.state.records import finite


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run, and whether it waits in the spool: finished then, even if the state store was not told any more."""

    run: TrainingRun
    spooled: bool


def known_runs(root: Path, limit: int | None = None, status: RunStatus | None = None) -> tuple[KnownRun, ...]:
    """The runs of a project, newest first; only those of one status where it is given. Raises `StateError`."""
    spool = Spool(root)
    with StateStore.open(root, anew=False) as store:
        found, waiting = store.runs(), spool.run_ids()
    known = [_known(spool, run, run.run_id in waiting) for run in found]
    return tuple(one for one in known if status in (None, one.run.status))[:limit]


def known_run(root: Path, run_id: str) -> KnownRun:
    """One run of a project. Raises `StateError` where there is none of that id."""
    spool = Spool(root)
    with StateStore.open(root, anew=False) as store:
        return _known(spool, store.run(run_id), run_id in spool.run_ids())


def _known(spool: Spool, run: TrainingRun, spooled: bool) -> KnownRun:
    return KnownRun(_finished(spool, run) if spooled and run.status == "interrupted" else run, spooled)


def _finished(spool: Spool, run: TrainingRun) -> TrainingRun:
    """A run as its record has it; one whose record is damaged stays as it is."""
    try:
        record = spool.record(run.run_id)
    except DataError:
        return run
    if record is None:
        return run
    ended_at = run.created_at + record.took
    return replace(run, status="finished", metrics=finite(record.metrics), error=None, completed_at=ended_at)
