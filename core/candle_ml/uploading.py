"""From a recorded run to a registered version: each step finds what it has done before, so that any may be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from candle_ml.bundle import SealedBundle, open_bundle
from candle_ml.components import Progress, no_progress
from candle_ml.errors import DataError
from candle_ml.evaluation import Evaluation
from candle_ml.promotion import Evaluate, Promotion, promote
from candle_ml.registry import Registry
from candle_ml.spool import Registration, RunRecord, Spool, Step, remedy
from candle_ml.tracking import TrackedRun, TrackingPlace


def upload(
    spool: Spool,
    run_id: str,
    place: TrackingPlace,
    evaluate: Evaluate,
    progress: Progress = no_progress,
    *,
    anew: bool = False,
) -> Promotion | None:
    """Bring a recorded run to the tracking server and the registry, then let it wait no more.

    `evaluate` is asked for the scores of the version that holds the alias. A store that is lost is made again only
    `anew`. Returns what became of the registration; None where there is none, or where another process has uploaded the
    run meanwhile. Raises `RegistryError` where the server is away or refuses, `BundleError` for a damaged bundle and
    `DataError` for damaged scores; the record then says how far it came.
    """
    with spool.held():
        record = spool.record(run_id)
        if record is None:
            return None
        work = _Upload(spool, record, place, progress, anew)
        promotion = work.run(evaluate)
        spool.finish(work.record)
        return promotion


@dataclass(slots=True)
class _Upload:
    spool: Spool
    record: RunRecord
    place: TrackingPlace
    progress: Progress
    anew: bool

    def run(self, evaluate: Evaluate) -> Promotion | None:
        record, folder = self.record, self.spool.folder(self.record.run_id)
        sealed = open_bundle(folder / "bundle", record.digest)
        with self._step("open run"):
            identity = (record.experiment, record.name, record.run_id, record.started_at)
            tracked = TrackedRun.open(self.place, *identity, anew=self.anew)
        with self._step("log model"):
            model_id = tracked.log_model(sealed.folder)
        with self._step("log values"):
            tracked.log(record.params, record.metrics, record.tags, record.ended_at, model_id)
        with self._step("log files"):
            tracked.log_files(folder)
        with self._step("close run"):
            tracked.close("FINISHED", record.ended_at)
        if record.registration is None:
            return None
        return self._register(record.registration, sealed, model_id, tracked.tracking_id, evaluate)

    def _register(
        self, registration: Registration, sealed: SealedBundle, model_id: str, tracking_id: str, evaluate: Evaluate
    ) -> Promotion:
        registry = Registry(self.place, registration.model_name)
        with self._step("register version"):
            version = registry.register(model_id, tracking_id, sealed.digest, sealed.info)
        with self._step("move alias"):
            own = _evaluation(self.spool.folder(self.record.run_id))
            return promote(registry, version, registration.alias, registration.rule, own, evaluate)

    @contextmanager
    def _step(self, name: Step) -> Iterator[None]:
        self.progress(name, 0, 1)
        yield
        self.progress(name, 1, 1)
        if name not in self.record.done:
            self.record = self.record.model_copy(update={"done": (*self.record.done, name)})
            self.spool.write(self.record)


def _evaluation(folder: Path) -> Evaluation | None:
    path = folder / "evaluation.json"
    if not path.is_file():
        return None
    try:
        return Evaluation.from_json(path.read_text("utf-8", "replace"))
    except DataError as error:
        raise DataError.at(str(path), "its bytes have changed", remedy(folder.name)) from error
