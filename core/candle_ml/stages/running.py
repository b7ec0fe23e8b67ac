"""Running one stage of `dvc.yaml` alone."""

from __future__ import annotations

import json
import math
import uuid
from dataclasses import dataclass
from pathlib import Path

from candle_ml.audit import audit_before_training
from candle_ml.bundling import Provenance, write_bundle
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.dataset import Dataset
from candle_ml.errors import ConfigError
from candle_ml.measuring import Measured, measure
from candle_ml.pipeline import audit_line, git_commit, kept_version
from candle_ml.reporting import write_files
from candle_ml.stages.places import StageAlone, remedy, stage_folder
from candle_ml.stages.prepared_files import read_prepared, write_prepared
from candle_ml.stages.trained_files import read_trained, write_trained
from candle_ml.suggesting import suggest
from candle_ml.training import Prepared, fit, prepare, refitted
from candle_ml.versions import data_samples, read_snapshot, version_name, write_contents
from candle_ml.versions.sealing import written_whole

METRICS = "metrics.json"


@dataclass(frozen=True, slots=True)
class StageResult:
    """Where a stage has left its files, and lines that say what it has done."""

    folder: Path
    lines: tuple[str, ...]


def run_stage(
    config: PipelineConfig, stage: StageAlone, dataset: Dataset | None = None, progress: Progress = no_progress
) -> StageResult:
    """Make the files of one stage from those of the stages before it; `dataset` is what `ingest` stores.

    Written whole or not at all. Raises `DataError` that names what is damaged, missing or made with something else.
    """
    if stage == "ingest":
        assert dataset is not None
        return _ingest(config, dataset)
    return {"dataset": _dataset, "train": _train, "evaluate": _evaluate}[stage](config, progress)


def _ingest(config: PipelineConfig, dataset: Dataset) -> StageResult:
    target = stage_folder(config, "ingest")
    with written_whole(target) as folder:
        write_contents(folder, dataset, None)
    candles = sum(len(data.candles) for data in dataset.series.values())
    return StageResult(target, (f"{len(dataset.series)} series, {candles} candles", *_noted(dataset.notes)))


def _dataset(config: PipelineConfig, progress: Progress) -> StageResult:
    target = stage_folder(config, "dataset")
    prepared = prepare(_ingested(config), config, progress)
    with written_whole(target) as folder:
        facts = write_prepared(folder, prepared, config)
    counts = ", ".join(f"{count} {name}" for name, count in facts.counts.items())
    return StageResult(target, (f"samples: {counts}", *_noted(facts.warnings)))


def _train(config: PipelineConfig, progress: Progress) -> StageResult:
    target = stage_folder(config, "train")
    prepared = _prepared(config)
    version, told = _version(config, prepared.dataset)
    audit = audit_before_training(config, prepared, progress) if config.audit.enabled else None
    trained = fit(prepared, config, progress)
    again = refitted(trained, config, progress) if config.model.refit else None
    with written_whole(target) as folder:
        write_trained(folder, trained, again, audit_line(audit), version, config)
    notes = (*told, *(again or trained).notes)
    return StageResult(target, (f"classes: {', '.join(trained.predictor.classes)}", *_noted(notes)))


def _evaluate(config: PipelineConfig, progress: Progress) -> StageResult:
    target = stage_folder(config, "evaluate")
    trained, served, facts = read_trained(config, _prepared(config))
    measured = measure(trained, config, progress) if config.evaluation.enabled else Measured()
    suggested = suggest(served.predictor, served.prepared, config, progress)
    run_id = uuid.uuid4().hex
    provenance = Provenance(run_id, config.experiment, facts.data_version, git_commit(config.root))
    with written_whole(target / "run") as folder:
        write_bundle(
            folder / "bundle",
            served,
            measured.evaluation,
            config,
            provenance,
            measured.out_of_fold,
            suggested.content,
        )
        write_files(folder, run_id, served, measured, config, facts.audit)
    metrics = {name: value if math.isfinite(value) else None for name, value in measured.metrics().items()}
    (target / METRICS).write_text(json.dumps(metrics, indent=1, allow_nan=False) + "\n", "utf-8")
    shown = [f"{name}: {metrics[name]:.3f}" for name in ("f1_macro", "span_f1_macro_iou50") if metrics.get(name)]
    return StageResult(
        target, (*shown, f"bundle: {target / 'run' / 'bundle'}", *_noted((*measured.notes, *suggested.notes)))
    )


def _ingested(config: PipelineConfig) -> Dataset:
    return read_snapshot(stage_folder(config, "ingest"), remedy("ingest"))


def _prepared(config: PipelineConfig) -> Prepared:
    if not config.model.enabled:
        raise ConfigError.at(config.where("model"), "disabled", "enable the model stage to train one")
    return read_prepared(config, _ingested(config))


def _version(config: PipelineConfig, dataset: Dataset) -> tuple[str | None, tuple[str, ...]]:
    """The data version of a training, and what is to be said of it.

    The workspace of a temporary experiment is thrown away with everything beside it, a remote included: its data is in
    the output of `ingest`, and nothing is kept there as a version.
    """
    temporary = any(folder.parts[-3:] == (".dvc", "tmp", "exps") for folder in config.root.parents)
    if not (config.data.enabled and temporary):
        return kept_version(config, dataset), ()
    name = version_name(dataset, data_samples(dataset, config))
    return name, (f"data version {name} is not kept from a temporary experiment; candle-ml data snapshot keeps it",)


def _noted(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"note: {note}" for note in notes)
