"""Uploading what the spool holds, and closing what a killed training has left open on the tracking server."""

from __future__ import annotations

from dataclasses import dataclass

from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig, parse_config
from candle_ml.errors import CandleMLError, DataError
from candle_ml.evaluation import Evaluation
from candle_ml.inference import LoadedModel
from candle_ml.pipeline import on_test_block, read_input
from candle_ml.promotion import Evaluate, Promotion, UnfairComparisonError
from candle_ml.spool import RunRecord, Spool
from candle_ml.state import RunStatus, StateStore
from candle_ml.tracking import EndStatus, TrackingAwayError, TrackingPlace, close_left_open
from candle_ml.training import Prepared, prepare
from candle_ml.uploading import upload

_ENDS: dict[RunStatus, EndStatus] = {"failed": "FAILED", "interrupted": "KILLED"}


@dataclass(frozen=True, slots=True)
class SyncedRun:
    """One run of the spool: what became of its registration, or in `error` why it is still there."""

    run_id: str
    promotion: Promotion | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The runs of the spool, oldest first and damaged ones last, and those that were closed on the server."""

    runs: tuple[SyncedRun, ...]
    closed: tuple[str, ...]


def sync(config: PipelineConfig, progress: Progress = no_progress) -> SyncResult:
    """Upload every run of the spool, the oldest first; one that cannot be uploaded stays and does not stop the others.

    A run whose record says that it has finished is finished in the state store too; a record that is damaged, with its
    copy, stays as it is. Raises `TrackingAwayError` where the server is away; what was uploaded before stays so.
    """
    spool, place = Spool(config.root), TrackingPlace.of(config.tracking.uri, config.root)
    with StateStore.open(config.root) as store:
        statuses = {run.run_id: run.status for run in store.runs()}
        found, damaged = _looked_through(spool)
        records = [record for record in found if statuses.get(record.run_id) != "running"]
        for record in records:
            if statuses.get(record.run_id) == "interrupted":
                store.finish_run(record.run_id, record.metrics)
    synced = tuple(_synced(config, spool, record, place, progress) for record in records)
    waiting = spool.run_ids()
    ended = {run_id: _ENDS[status] for run_id, status in statuses.items() if status in _ENDS and run_id not in waiting}
    return SyncResult((*synced, *damaged), close_left_open(place, config.experiment, ended) if ended else ())


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


def _synced(
    config: PipelineConfig, spool: Spool, record: RunRecord, place: TrackingPlace, progress: Progress
) -> SyncedRun:
    try:
        judge = _judge(config, spool, record, progress)
        return SyncedRun(record.run_id, upload(spool, record.run_id, place, judge, progress))
    except TrackingAwayError:
        raise
    except CandleMLError as error:
        return SyncedRun(record.run_id, error=str(error))


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
    path = spool.folder(record.run_id) / "effective.yaml"
    own = parse_config(path.read_text("utf-8"), str(path), config.root)
    dataset = read_input(own, record.start, record.end, record.data_version, progress)
    if dataset.hash != record.data_hash:
        raise DataError.at("data", f"hash {dataset.hash[:12]}...", f"{record.data_hash[:12]}... was trained on")
    return own, prepare(dataset, own, progress)
