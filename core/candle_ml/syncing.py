"""Uploading what the spool holds, and closing what a killed training has left open on the tracking server."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from candle_ml.bundle import EFFECTIVE, open_bundle
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig, parse_config
from candle_ml.errors import BundleError, CandleMLError, DataError, RegistryError, StateError
from candle_ml.evaluation import Evaluation
from candle_ml.inference import LoadedModel
from candle_ml.leaving import leave
from candle_ml.pipeline import on_test_block, read_input
from candle_ml.promotion import Evaluate, Promotion, UnfairComparisonError
from candle_ml.recorded import KnownRun
from candle_ml.spool import RunRecord, Spool, remedy
from candle_ml.state import RunStatus, StateStore, TrainingRun
from candle_ml.tracking import EMBEDDED, EndStatus, TrackingAwayError, TrackingPlace, close_left_open
from candle_ml.training import Prepared, prepare
from candle_ml.uploading import upload

Destination = Literal["trained", "configured"]
"""Where a run goes that was trained for another place than `tracking.uri` names now."""

_GIVEN_UP = "given up: it was not uploaded, or not to its end"
_ENDS: dict[RunStatus, EndStatus] = {"failed": "FAILED", "interrupted": "KILLED"}


@dataclass(frozen=True, slots=True)
class SyncedRun:
    """One run of the spool: where it went and what became of its registration, or in `error` why it is still there.

    Without place and error another process has uploaded it meanwhile.
    """

    run_id: str
    place: str | None = None
    promotion: Promotion | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The runs of the spool, oldest first and damaged ones last, and those that were closed on a server.

    `left` says what stays at the places that runs were led away from; `unclosed` why no more could be closed.
    """

    runs: tuple[SyncedRun, ...]
    closed: tuple[str, ...]
    left: tuple[str, ...] = ()
    unclosed: str | None = None


def sync(config: PipelineConfig, to: Destination | None = None, progress: Progress = no_progress) -> SyncResult:
    """Upload every run of the spool, the oldest first; one that cannot be uploaded stays and does not stop the others.

    A run goes to the place that it was trained for. Where the configuration names another one it stays, unless `to`
    says which of both. A run whose record says that it has finished is finished in the state store too, and entered
    there if need be; a record that is damaged, with its copy, stays as it is. Raises `StateError`.
    """
    spool = Spool(config.root)
    with StateStore.open(config.root, anew=False) as store:
        statuses = {run.run_id: run.status for run in store.runs()}
        found, damaged = _looked_through(spool)
        work = _Sync(config, to, progress, spool, store)
        records = [record for record in found if statuses.get(record.run_id) != "running"]
        synced = [work.synced(record) for record in records]
    waiting = spool.run_ids()
    ended = {run_id: _ENDS[status] for run_id, status in statuses.items() if status in _ENDS and run_id not in waiting}
    return work.closed((*synced, *damaged), ended)


def give_up(config: PipelineConfig, run_id: str) -> tuple[str, ...]:
    """Let a run wait no more, whatever became of its record or bundle; what it has in its folder stays.

    What it had begun at the place that it was trained for is closed; returns what stays there. The state store notes
    it. Raises `RegistryError` where no such run waits, and `StateError`.
    """
    spool = Spool(config.root)
    with spool.held(), StateStore.open(config.root, anew=False) as store:
        run = store.find_run(run_id)
        _check_waits(run_id, run, spool)
        left: tuple[str, ...] = ()
        with suppress(DataError):
            record = spool.record(run_id)
            if record is not None:
                left = leave(TrackingPlace.of(record.tracking or config.tracking.uri, config.root), record)
                if run is not None and run.status == "interrupted":
                    store.finish_run(run_id, record.metrics, record.took)
        store.give_up_run(run_id, _GIVEN_UP)
        spool.remove(run_id)
    return left


def _check_waits(run_id: str, run: TrainingRun | None, spool: Spool) -> None:
    """Raise a `RegistryError` that says what there is of a run where it does not wait, or its training goes on."""
    known = None if run is None else KnownRun(run, spooled=False).status
    if known == "running":
        raise RegistryError.at(f"run {run_id}", "is running", "wait until it has ended, or end it")
    if run_id not in spool.run_ids():
        found = "no such run is known here" if known is None else f"is {known}, and waits for nothing"
        found = "was uploaded already" if spool.uploaded(run_id) else found
        raise RegistryError.at(f"run {run_id}", found, "one that candle-ml runs list shows as spooled")


def _looked_through(spool: Spool) -> tuple[list[RunRecord], list[SyncedRun]]:
    """The records that can be used, the oldest first, and the runs of those that cannot."""
    records, damaged = [], []
    for run_id in sorted(spool.run_ids()):
        try:
            record = spool.record(run_id)
        except DataError as error:
            damaged.append(SyncedRun(run_id, error=str(error)))
        else:
            records += [record] if record else []
    return sorted(records, key=lambda record: record.ended_at), damaged


@dataclass(slots=True)
class _Sync:
    config: PipelineConfig
    to: Destination | None
    progress: Progress
    spool: Spool
    store: StateStore
    away: dict[TrackingPlace, TrackingAwayError] = field(default_factory=dict)
    """The places that did not answer: the other runs do not wait for them again."""
    reached: list[TrackingPlace] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def synced(self, record: RunRecord) -> SyncedRun:
        """What became of one run. Raises `StateError`."""
        try:
            place = self._prepared(record.run_id)
            return SyncedRun(record.run_id) if place is None else self._uploaded(record, place)
        except StateError:
            raise
        except BundleError as error:
            return SyncedRun(record.run_id, error=_damaged(self.spool.folder(record.run_id), error))
        except CandleMLError as error:
            return SyncedRun(record.run_id, error=str(error))

    def closed(self, runs: tuple[SyncedRun, ...], ended: dict[str, EndStatus]) -> SyncResult:
        """The result, after closing what has ended at the configured place and wherever a run went."""
        places = dict.fromkeys([self._at(self.config.tracking.uri), *self.reached]) if ended else {}
        closed: list[str] = []
        try:
            for place in places:
                if place not in self.away:
                    closed += close_left_open(place, self.config.experiment, ended)
        except RegistryError as error:
            return SyncResult(runs, tuple(closed), tuple(self.left), str(error))
        return SyncResult(runs, tuple(closed), tuple(self.left))

    def _prepared(self, run_id: str) -> TrackingPlace | None:
        """Where a run goes, which is finished in the state store and whose record leads there; None if it has gone.

        Done alone: a record that was read before another process has uploaded its run must not be written again.
        """
        with self.spool.held():
            record = self.spool.record(run_id)
            if record is None:
                return None
            self._finish(record)
            place = self._place(record)
            if place in self.away:
                raise self.away[place]
            self._direct(record, place)
            return place

    def _uploaded(self, record: RunRecord, place: TrackingPlace) -> SyncedRun:
        try:
            judge = _judge(self.config, self.spool, record, self.progress)
            chosen = self.to == "configured"
            promotion = upload(self.spool, record.run_id, place, judge, self.progress, anew=chosen)
        except TrackingAwayError as error:
            self.away[place] = error
            raise
        self.reached.append(place)
        return SyncedRun(record.run_id, place.shown, promotion)

    def _finish(self, record: RunRecord) -> None:
        """Finish a run in the state store, which may not know it: its tables may be new."""
        run = self.store.find_run(record.run_id)
        if run is None:
            sealed = open_bundle(self.spool.folder(record.run_id) / "bundle", record.digest)
            self.store.begin_run(
                record.run_id,
                sealed.info.model_type,
                record.experiment,
                sealed.info.config_hash,
                sealed.text(EFFECTIVE),
                record.data_version,
                datetime.fromtimestamp(record.started_at / 1000, UTC),
            )
        if run is None or run.status == "interrupted":
            self.store.finish_run(record.run_id, record.metrics, record.took)

    def _place(self, record: RunRecord) -> TrackingPlace:
        """Where a run goes. Raises `RegistryError` where that is to be chosen."""
        configured = self._at(self.config.tracking.uri)
        trained = configured if record.tracking is None else self._at(record.tracking)
        if self.to is None and self.config.tracking.uri is not None and configured != trained:
            found = f"names {configured.shown}, the run was trained for {trained.shown}"
            expected = f"candle-ml runs sync --to trained uploads it there, --to configured to {configured.shown}"
            raise RegistryError.at(self.config.where("tracking.uri"), found, expected)
        return configured if self.to == "configured" else trained

    def _direct(self, record: RunRecord, place: TrackingPlace) -> None:
        """Let a record lead to a place; what it had begun elsewhere is closed there, if that answers."""
        if record.tracking is None or (trained := self._at(record.tracking)) == place:
            return
        self.left += [f"{record.run_id}: {what}" for what in leave(trained, record, place)]
        address = self.config.tracking.uri or EMBEDDED
        self.spool.write(record.model_copy(update={"tracking": address, "done": ()}))

    def _at(self, uri: str | None) -> TrackingPlace:
        return TrackingPlace.of(uri, self.config.root)


def _damaged(folder: Path, error: BundleError) -> str:
    """What is wrong with the bundle in the folder of a run that waits, and what would do."""
    return f"{folder}/{error}; {remedy(folder.name)}"


def _judge(config: PipelineConfig, spool: Spool, record: RunRecord, progress: Progress) -> Evaluate:
    def scores(holder: LoadedModel) -> Evaluation | None:
        try:
            own, prepared = _prepared_again(config, spool, record, progress)
        except (CandleMLError, OSError) as error:
            raise UnfairComparisonError.at("test block", f"cannot be made again: {error}") from error
        return on_test_block(own, prepared)(holder)

    return scores


def _prepared_again(
    config: PipelineConfig, spool: Spool, record: RunRecord, progress: Progress
) -> tuple[PipelineConfig, Prepared]:
    """The configuration and the data of a run, which must be those it was trained on."""
    path = spool.folder(record.run_id) / "bundle" / EFFECTIVE
    own = parse_config(path.read_text("utf-8"), str(path), config.root)
    dataset = read_input(own, record.start, record.end, record.data_version, progress)
    if dataset.hash != record.data_hash:
        raise DataError.at("data", f"hash {dataset.hash[:12]}...", f"{record.data_hash[:12]}... was trained on")
    return own, prepare(dataset, own, progress)
