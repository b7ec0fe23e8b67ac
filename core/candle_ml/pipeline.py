"""Training from end to end: ingest, dataset, train, evaluate, register, in this order."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from candle_ml.audit import AuditReport, audit_before_training
from candle_ml.bundle import model_hash, open_bundle
from candle_ml.bundling import Provenance, write_bundle
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset, restricted
from candle_ml.evaluation import Evaluation, EvaluationOptions, evaluate
from candle_ml.inference import LoadedModel, in_sample
from candle_ml.measuring import Measured, measure
from candle_ml.promotion import Promotion, UnfairComparisonError, promote
from candle_ml.reading import read_dataset
from candle_ml.registry import Registry
from candle_ml.reporting import write_files
from candle_ml.state import StateStore
from candle_ml.tracking import TrackedRun, TrackingPlace, flatten
from candle_ml.training import Prepared, Trained, cases, evaluated, fit, prepare, refitted

StageName = Literal["ingest", "dataset", "train", "evaluate", "register"]
STAGES: tuple[StageName, ...] = get_args(StageName)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run has made, up to the stage it was told to stop after; None for what it did not reach.

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

    Raises a `CandleMLError`; a run that had begun on the tracking server is closed there as failed.
    """
    dataset = read_input(config, start, end, data_version, progress)
    if not (_reaches(until, "train") and config.model.enabled):
        return _prepared(_begun(config, dataset, uuid.uuid4().hex, data_version), config, until, progress)
    data_version = data_version or kept_version(config, dataset)
    with _tracking(config) as tracking:
        run_id = tracking.run_id if tracking else uuid.uuid4().hex
        with _recorded(config, run_id, data_version) as metrics:
            result = _prepared(_begun(config, dataset, run_id, data_version), config, until, progress)
            result = _train(result, config, until, progress)
            if tracking:
                result = _log(result, config, tracking, until, progress)
            metrics.update(result.measured.metrics())
    return result


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


def _prepared(result: RunResult, config: PipelineConfig, until: StageName, progress: Progress) -> RunResult:
    if not (_reaches(until, "dataset") and config.labels.enabled and config.model.enabled):
        return result
    return replace(result, prepared=prepare(result.dataset, config, progress))


def _reaches(until: StageName, stage: StageName) -> bool:
    return STAGES.index(until) >= STAGES.index(stage)


@contextmanager
def _tracking(config: PipelineConfig) -> Iterator[TrackedRun | None]:
    """The run on the tracking server, closed as failed when anything goes wrong; None where tracking is disabled."""
    if not config.tracking.enabled:
        yield None
        return
    place = TrackingPlace.of(config.tracking.uri, config.root)
    run = TrackedRun.start(place, config.experiment, f"{config.name}-{config.model.chosen.name}")
    try:
        yield run
    except BaseException as error:
        run.fail(error)
        raise
    run.finish()


@contextmanager
def _recorded(config: PipelineConfig, run_id: str, data_version: str | None) -> Iterator[dict[str, float]]:
    """The run in the state store; its metrics are to be put into what this yields.

    An interrupted run is left to the store, which closes it as interrupted.
    """
    with StateStore.open(config.root) as store:
        model = config.model.chosen.name
        store.begin_run(run_id, model, config.experiment, config.hash, config.text, data_version)
        metrics: dict[str, float] = {}
        try:
            yield metrics
        except Exception as error:
            store.fail_run(run_id, error)
            raise
        store.finish_run(run_id, metrics)


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
    provenance = Provenance(result.run_id, config.experiment, result.data_version, git_commit(config.root))
    bundle = result.folder / "bundle"
    write_bundle(bundle, trained, measured.evaluation, config, provenance, measured.out_of_fold)
    return replace(
        result,
        audit=audit,
        trained=trained,
        measured=measured,
        evaluation=measured.evaluation,
        model_hash=model_hash(bundle),
        report=write_files(result.folder, result.run_id, trained, measured, config, audit_line(audit)),
        notes=(*result.notes, *prepared.split.warnings, *trained.notes, *measured.notes),
    )


def audit_line(report: AuditReport | None) -> str:
    """What a run says of its audit."""
    return "not made: the audit stage is disabled" if report is None else report.summary


def _log(
    result: RunResult, config: PipelineConfig, tracking: TrackedRun, until: StageName, progress: Progress
) -> RunResult:
    """Parameters, metrics, files and the model; then the registry."""
    assert result.trained is not None
    progress("logging", 0, 2)
    chosen = {"model": config.model.chosen, "labels": config.labels.chosen}
    named = {**chosen, **{f"features.{choice.name}": choice for choice in config.features.use}}
    params = flatten({"model": chosen["model"].name, "labels": chosen["labels"].name, "seed": config.seed})
    for prefix, choice in named.items():
        params |= flatten(choice.options.model_dump(mode="json"), prefix)
    tags = {"config_hash": config.hash, "data_hash": result.dataset.hash, "model_hash": result.model_hash or ""}
    tags |= {"data_version": result.data_version} if result.data_version else {}
    tags |= {"label_set_hash": result.evaluation.label_set_hash} if result.evaluation else {}
    tracking.log(params, result.measured.metrics(), tags | {"audit": audit_line(result.audit)})
    tracking.log_files(result.folder)
    source = tracking.log_model(result.folder / "bundle")
    progress("logging", 1, 2)
    if _reaches(until, "register") and config.registry.enabled:
        result = replace(result, promotion=_register(result, config, tracking, source))
    progress("logging", 2, 2)
    return result


def _register(result: RunResult, config: PipelineConfig, tracking: TrackedRun, source: str) -> Promotion:
    assert result.prepared is not None
    prepared = result.prepared
    sealed = open_bundle(result.folder / "bundle")
    registry = Registry(tracking.place, config.model_name)
    version = registry.register(source, result.run_id, sealed.digest, sealed.info)

    def on_test_block(holder: LoadedModel) -> Evaluation | None:
        if config.split.method == "random":
            raise UnfairComparisonError.at("split", "scores of a random split compare with nothing")
        predictor, block = holder.predictor, prepared.split.block("test")
        found = [] if block is None else cases(prepared.dataset, predictor, prepared.split.train.classes, block)
        if any((in_sample(holder.info, case.candles.key, case.candles.time) & case.scored()).any() for case in found):
            where = f"version {holder.info.model_name} of run {holder.info.run_id[:8]}"
            raise UnfairComparisonError.at(where, "was made with candles of this test block")
        return evaluated(prepared, predictor, found, config) if found else None

    stage = config.registry
    return promote(registry, version, stage.alias, stage.promote, result.evaluation, on_test_block)


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
    found = cases(dataset, predictor, labels, progress=progress)
    options = EvaluationOptions(iou=config.evaluation.iou, point_tolerance=config.evaluation.tolerance)
    thresholds = loaded.info.thresholds
    evaluation = evaluate(found, predictor.classes, thresholds, options, dict.fromkeys(predictor.classes, 1.0))
    seen = sum(
        int((in_sample(loaded.info, case.candles.key, case.candles.time) & case.scored()).sum()) for case in found
    )
    return evaluation, seen
