"""Training from end to end: ingest, dataset, train, evaluate, register, in this order."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from candle_ml.audit import AuditReport, audit_before_training
from candle_ml.bundle import MANIFEST, file_digest, model_hash
from candle_ml.bundling import Provenance, write_bundle
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset, restricted
from candle_ml.errors import RegistryError, StateError
from candle_ml.evaluation import Evaluation, EvaluationOptions, evaluate
from candle_ml.inference import LoadedModel, in_sample
from candle_ml.measuring import Measured, measure
from candle_ml.parameters import run_parameters
from candle_ml.promotion import Evaluate, Promotion, UnfairComparisonError
from candle_ml.reading import read_dataset
from candle_ml.reporting import write_files
from candle_ml.settling import settled
from candle_ml.spool import Registration, RunRecord, Spool
from candle_ml.state import StateStore
from candle_ml.suggesting import suggest
from candle_ml.tracking import EMBEDDED, TrackedRun, TrackingAwayError, TrackingPlace
from candle_ml.training import Prepared, Trained, cases, evaluated, fit, prepare, refitted
from candle_ml.unwritable import named
from candle_ml.uploading import upload

StageName = Literal["ingest", "dataset", "train", "evaluate", "register"]
STAGES: tuple[StageName, ...] = get_args(StageName)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run has made, up to the stage it was told to stop after; None for what it did not reach.

    `spooled` says why the run waits in the spool, for the state store or the tracking server; None where it does not.
    `folder` holds the run's files: `bundle/`, `report.html`, `evaluation.json` and the configuration. `model_hash` is
    over the model files alone, so that one seed and one input give one hash. `data_version` names the input where it is
    kept.
    """

    run_id: str
    folder: Path
    dataset: Dataset
    data_version: str | None = None
    prepared: Prepared | None = None
    audit: AuditReport | None = None
    trained: Trained | None = None
    measured: Measured = field(default_factory=Measured)
    evaluation: Evaluation | None = None
    model_hash: str | None = None
    promotion: Promotion | None = None
    spooled: str | None = None
    report: Path | None = None
    notes: tuple[str, ...] = ()


def run(
    config: PipelineConfig,
    *,
    until: StageName = "register",
    start: int | None = None,
    end: int | None = None,
    data_version: str | None = None,
    progress: Progress = no_progress,
) -> RunResult:
    """Run the pipeline up to and including a stage; a disabled stage and what needs it are left out.

    A `data_version` is learned from instead of the sources; without one the input is kept as a version before training,
    where the data stage is enabled.

    A finished run is recorded in the spool before it is uploaded, and stays there while the tracking server is away.
    Raises a `CandleMLError`; a run that had begun on the tracking server is closed there as failed.
    """
    dataset = read_input(config, start, end, data_version, progress)
    config = settled(config, dataset)
    begun = _begun(config, dataset, uuid.uuid4().hex, data_version)
    if not (_reaches(until, "train") and config.model.enabled):
        return _prepared(begun, config, until, progress)
    begun = replace(begun, data_version=data_version or kept_version(config, dataset))
    begun = replace(begun, notes=(*begun.notes, *_begins_anew(config)))
    started_at = _now()
    # The state store comes first: a run that only the tracking server knew could not be told from a living one.
    tracked = _tracked(config, begun.run_id, started_at, progress)
    with _recorded(config, begun) as store, tracked, _left(begun.folder / "bundle"):
        result = _train(_prepared(begun, config, until, progress), config, until, progress)
        if config.tracking.enabled:
            progress("record run", 0, 1)
            Spool(config.root).write(_record(result, config, until, started_at, start, end))
            progress("record run", 1, 1)
        result = _finished(result, config, store)
    return _uploaded(result, config, progress) if config.tracking.enabled and result.spooled is None else result


def read_input(
    config: PipelineConfig,
    start: int | None = None,
    end: int | None = None,
    data_version: str | None = None,
    progress: Progress = no_progress,
) -> Dataset:
    """What the sources, or a kept version, hold; with `start` and `end` (Unix seconds) what is known of that time."""
    if data_version is None:
        return read_dataset(config, start, end, progress)
    from candle_ml.versions import read_version

    dataset = read_version(config, data_version)
    return dataset if start is None and end is None else restricted(dataset, start, end)


def kept_version(config: PipelineConfig, dataset: Dataset) -> str | None:
    """The name of the version that a data set is kept as; None where the data stage is disabled."""
    if not config.data.enabled:
        return None
    from candle_ml.versions import snapshot

    return snapshot(config, dataset).name


def _begun(config: PipelineConfig, dataset: Dataset, run_id: str, data_version: str | None) -> RunResult:
    folder = config.root / ".candle-ml" / "runs" / run_id
    return RunResult(run_id, folder, dataset, data_version, notes=(*config.notes, *dataset.notes))


def _begins_anew(config: PipelineConfig) -> Iterator[str]:
    """What is to be told where the store that runs were tracked in is lost: a training begins a new one."""
    place = TrackingPlace.of(config.tracking.uri, config.root)
    if config.tracking.enabled and place.is_lost:
        yield f"{place.shown} is not there, though {place.artifacts} is: a new one is begun, which knows no earlier run"


def _prepared(result: RunResult, config: PipelineConfig, until: StageName, progress: Progress) -> RunResult:
    if not (_reaches(until, "dataset") and config.labels.enabled and config.model.enabled):
        return result
    return replace(result, prepared=prepare(result.dataset, config, progress))


def _reaches(until: StageName, stage: StageName) -> bool:
    return STAGES.index(until) >= STAGES.index(stage)


@contextmanager
def _tracked(config: PipelineConfig, run_id: str, started_at: int, progress: Progress) -> Iterator[None]:
    """The run on the tracking server while it trains, where that answers; closed as failed when anything goes wrong."""
    tracked: TrackedRun | None = None
    if config.tracking.enabled:
        # One that does not answer is waited for.
        progress("ask for the tracking server", 0, 1)
        with suppress(TrackingAwayError):
            place = TrackingPlace.of(config.tracking.uri, config.root)
            tracked = TrackedRun.open(place, config.experiment, _run_name(config), run_id, started_at, anew=True)
    try:
        yield
    except BaseException as error:
        if tracked is not None:
            tracked.fail(error)
        raise


@contextmanager
def _recorded(config: PipelineConfig, begun: RunResult) -> Iterator[StateStore]:
    """The state store, where the run counts as running; closed there as failed when anything but the store fails.

    An interrupted run is left to the store, which closes it as interrupted.
    """
    run_id, model = begun.run_id, config.model.chosen.name
    with StateStore.open(config.root) as store:
        store.begin_run(run_id, model, config.experiment, config.hash, config.text, begun.data_version)
        try:
            yield store
        except StateError:
            raise
        except Exception as error:
            # A store that is lost by now must not hide that reason; the run then counts as interrupted.
            with suppress(StateError):
                store.fail_run(run_id, error)
            raise


@contextmanager
def _left(bundle: Path) -> Iterator[None]:
    """Let an error tell of the model that was trained before it."""
    try:
        yield
    except Exception as error:
        if (bundle / MANIFEST).is_file():
            error.add_note(f"{bundle}: the model was trained before that; candle-ml predict --bundle uses it")
        raise


def _finished(result: RunResult, config: PipelineConfig, store: StateStore) -> RunResult:
    """Close the run in the state store; one that is lost by now lets a run that is kept in the spool wait there."""
    try:
        store.finish_run(result.run_id, result.measured.metrics())
    except StateError as error:
        if not config.tracking.enabled:
            raise
        return replace(result, spooled=str(error))
    return result


def _audited(prepared: Prepared, config: PipelineConfig, progress: Progress) -> AuditReport | None:
    return audit_before_training(config, prepared, progress) if config.audit.enabled else None


def _train(result: RunResult, config: PipelineConfig, until: StageName, progress: Progress) -> RunResult:
    assert result.prepared is not None
    prepared = result.prepared
    audit = _audited(prepared, config, progress)
    trained = fit(prepared, config, progress)
    measured = Measured()
    if _reaches(until, "evaluate") and config.evaluation.enabled:
        measured = measure(trained, config, progress)
    if config.model.refit:
        trained = refitted(trained, config, progress)
    suggested = suggest(trained.predictor, prepared, config, progress)
    provenance = Provenance(result.run_id, config.experiment, result.data_version, git_commit(config.root))
    bundle = result.folder / "bundle"
    with named(result.folder):
        write_bundle(bundle, trained, measured.evaluation, config, provenance, measured.out_of_fold, suggested.content)
        report = write_files(result.folder, result.run_id, trained, measured, config, audit_line(audit))
    return replace(
        result,
        audit=audit,
        trained=trained,
        measured=measured,
        evaluation=measured.evaluation,
        model_hash=model_hash(bundle),
        report=report,
        notes=(*result.notes, *prepared.split.warnings, *trained.notes, *measured.notes, *suggested.notes),
    )


def audit_line(report: AuditReport | None) -> str:
    """What a run says of its audit."""
    return "not made: the audit stage is disabled" if report is None else report.summary


def _record(
    result: RunResult, config: PipelineConfig, until: StageName, started_at: int, start: int | None, end: int | None
) -> RunRecord:
    """All that is to be logged of a run."""
    stage = config.registry
    registration = Registration(model_name=config.model_name, alias=stage.alias, rule=stage.promote)
    tags = {"config_hash": config.hash, "data_hash": result.dataset.hash, "model_hash": result.model_hash or ""}
    tags |= {"data_version": result.data_version} if result.data_version else {}
    tags |= {"label_set_hash": result.evaluation.label_set_hash} if result.evaluation else {}
    return RunRecord(
        run_id=result.run_id,
        name=_run_name(config),
        experiment=config.experiment,
        started_at=started_at,
        ended_at=_now(),
        params=run_parameters(config, start, end),
        metrics=result.measured.metrics(),
        tags=tags | {"audit": audit_line(result.audit)},
        start=start,
        end=end,
        data_version=result.data_version,
        data_hash=result.dataset.hash,
        digest=file_digest(result.folder / "bundle" / MANIFEST),
        registration=registration if _reaches(until, "register") and stage.enabled else None,
        tracking=config.tracking.uri or EMBEDDED,
    )


def _uploaded(result: RunResult, config: PipelineConfig, progress: Progress) -> RunResult:
    """The run on the tracking server, or the reason why it stays in the spool."""
    assert result.prepared is not None
    place = TrackingPlace.of(config.tracking.uri, config.root)
    judge = on_test_block(config, result.prepared)
    try:
        return replace(result, promotion=upload(Spool(config.root), result.run_id, place, judge, progress))
    except RegistryError as error:
        return replace(result, spooled=str(error))


def _run_name(config: PipelineConfig) -> str:
    return f"{config.name}-{config.model.chosen.name}"


def _now() -> int:
    """Unix milliseconds UTC."""
    return time.time_ns() // 1_000_000


def on_test_block(config: PipelineConfig, prepared: Prepared) -> Evaluate:
    """How a run evaluates another version on its own test block."""

    def scores(holder: LoadedModel) -> Evaluation | None:
        if config.split.method == "random":
            raise UnfairComparisonError.at("split", "scores of a random split compare with nothing")
        predictor, block = holder.predictor, prepared.split.block("test")
        found = [] if block is None else cases(prepared.dataset, predictor, prepared.split.train.classes, config, block)
        if any((in_sample(holder.info, case.candles.key, case.candles.time) & case.scored()).any() for case in found):
            where = f"version {holder.info.model_name} of run {holder.info.run_id[:8]}"
            raise UnfairComparisonError.at(where, "was made with candles of this test block")
        return evaluated(prepared, predictor, found, config) if found else None

    return scores


def git_commit(root: Path) -> str | None:
    """The git commit of the project folder, if it is under git."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return found.stdout.strip() or None


def evaluate_model(
    loaded: LoadedModel, dataset: Dataset, config: PipelineConfig, progress: Progress = no_progress
) -> tuple[Evaluation, int]:
    """The scores of a loaded model on every reviewed candle of a data set, and how many of these it was made with."""
    predictor = loaded.predictor
    labels = {item.label for data in dataset.series.values() for item in data.annotations} | set(predictor.classes)
    found = cases(dataset, predictor, labels, config, progress=progress)
    options = EvaluationOptions(iou=config.evaluation.iou, point_tolerance=config.evaluation.tolerance)
    thresholds = loaded.info.thresholds
    evaluation = evaluate(found, predictor.classes, thresholds, options, dict.fromkeys(predictor.classes, 1.0))
    seen = sum(
        int((in_sample(loaded.info, case.candles.key, case.candles.time) & case.scored()).sum()) for case in found
    )
    return evaluation, seen
