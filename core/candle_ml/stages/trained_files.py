"""A trained predictor as files: the model's own, the calibrator, and the numbers of the decoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from candle_ml.bundle import CALIBRATOR, MODEL_FOLDER
from candle_ml.calibration import Calibrator
from candle_ml.config import PipelineConfig
from candle_ml.inference import Predictor
from candle_ml.scores import DecodeParams
from candle_ml.stages.places import MadeWith, configured, open_stage
from candle_ml.training import Prepared, Trained
from candle_ml.versions.sealing import seal

_REFITTED_FOLDER = "refitted"


class TrainedFacts(MadeWith):
    """What the manifest of the stage `train` says; `refitted_notes` is None where nothing was fitted again."""

    thresholds: dict[str, float]
    lengths: dict[str, int]
    notes: tuple[str, ...]
    refitted_notes: tuple[str, ...] | None
    audit: str
    data_version: str | None


def write_trained(
    folder: Path, trained: Trained, refitted: Trained | None, audit: str, version: str | None, config: PipelineConfig
) -> TrainedFacts:
    """Write the model that is to be measured and, where there is one, the refitted model that is to be served."""
    params = trained.predictor.params
    (folder / CALIBRATOR).write_text(trained.predictor.calibrator.to_json(), "utf-8")
    for name, one in ((MODEL_FOLDER, trained), (_REFITTED_FOLDER, refitted)):
        if one is not None:
            (folder / name).mkdir()
            one.predictor.model.save(folder / name)
    facts = TrainedFacts(
        data_hash=trained.prepared.dataset.hash,
        configured=configured(config, "train"),
        thresholds=params.thresholds,
        lengths=params.lengths,
        notes=trained.notes,
        refitted_notes=None if refitted is None else refitted.notes,
        audit=audit,
        data_version=version,
    )
    seal(folder, facts)
    return facts


def read_trained(config: PipelineConfig, prepared: Prepared) -> tuple[Trained, Trained, TrainedFacts]:
    """The model to measure, the model to serve (the same where nothing was fitted again), and what was said of them.

    Every file is proven before it is parsed. Raises `DataError`.
    """
    sealed = open_stage(config, "train", TrainedFacts, prepared.dataset.hash)
    facts = sealed.facts
    calibrator = Calibrator.from_json(sealed.read(CALIBRATOR).decode())
    load, name = config.manager.load_model, config.model.chosen.name
    model = load(name, sealed.folder / MODEL_FOLDER)
    predictor = Predictor(prepared.recipe, model, calibrator, DecodeParams(facts.thresholds, facts.lengths))
    measured = Trained(predictor, prepared, facts.notes)
    if facts.refitted_notes is None:
        return measured, measured, facts
    refitted = replace(predictor, model=load(name, sealed.folder / _REFITTED_FOLDER))
    return measured, Trained(refitted, prepared, facts.refitted_notes), facts
