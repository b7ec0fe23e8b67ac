"""The files a run leaves beside its bundle: report, evaluation and configuration."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np

from candle_ml.bundling import label_colors
from candle_ml.config import PipelineConfig
from candle_ml.evaluation.report import render_report
from candle_ml.evaluation.report_input import FeatureShare, FoldScore, RemovedSamples, ReportBlock, ReportInput
from candle_ml.inference.receipt import current_versions
from candle_ml.measuring import Measured
from candle_ml.settling import settled
from candle_ml.training import Prepared, Trained


def write_files(
    folder: Path,
    run_id: str,
    trained: Trained,
    measured: Measured,
    config: PipelineConfig,
    audit: str | None = None,
) -> Path | None:
    """Write `pipeline.yaml`, `effective.yaml`, `evaluation.json` and `report.html`; return the report's path.

    `audit` is what the leak audit said.
    """
    config = settled(config, trained.prepared.dataset)
    (folder / "pipeline.yaml").write_text(config.source_text, "utf-8")
    (folder / "effective.yaml").write_text(config.text, "utf-8")
    if measured.evaluation is not None:
        (folder / "evaluation.json").write_text(measured.evaluation.to_json(), "utf-8")
    if not config.evaluation.report:
        return None
    path = folder / "report.html"
    path.write_text(render_report(_report_input(run_id, trained, measured, config, audit)), "utf-8")
    return path


def _report_input(
    run_id: str,
    trained: Trained,
    measured: Measured,
    config: PipelineConfig,
    audit: str | None,
) -> ReportInput:
    prepared, dataset = trained.prepared, trained.prepared.dataset
    versions = current_versions()
    return ReportInput(
        title=config.name,
        model=config.model.chosen.name,
        created_at=int(time.time()),
        config_hash=config.hash,
        data_hash=dataset.hash,
        pipeline_yaml=config.text,
        evaluation=measured.evaluation,
        cases=measured.cases,
        audit=audit,
        folds=_folds(measured),
        run_id=run_id,
        scores_of=_scores_of(config),
        blocks=_blocks(prepared),
        importance=_importance(trained),
        removed=_removed(prepared),
        rejected=dataset.rejected,
        warnings=prepared.split.warnings,
        notes=(*config.notes, *dataset.notes, *trained.notes, *measured.notes),
        label_colors=label_colors(trained.predictor.classes, config.sources.colors | dict(dataset.label_colors)),
        versions={"Python": versions.python, **versions.packages},
    )


def _scores_of(config: PipelineConfig) -> str:
    if config.model.refit:
        return "the model before it was fitted once more on every block; the served model has not been measured"
    return "the model that is served"


def _blocks(prepared: Prepared) -> tuple[ReportBlock, ...]:
    parts = prepared.split.parts()
    return tuple(
        ReportBlock(
            name=block.name,
            start_time=block.start,
            end_time=block.end,
            samples=len(parts[block.name]),
            annotations=len(np.unique(parts[block.name].annotation[parts[block.name].annotation >= 0])),
        )
        for block in prepared.split.blocks
    )


def _folds(measured: Measured) -> tuple[FoldScore, ...]:
    found = () if measured.walked is None else measured.walked.folds
    return tuple(FoldScore(one.number, one.block.start, one.block.end, one.evaluation) for one in found)


def _removed(prepared: Prepared) -> tuple[RemovedSamples, ...]:
    encoded = [RemovedSamples("labels", rule, count) for rule, count in prepared.left_out.items()]
    return (*encoded, *(RemovedSamples("split", rule, count) for rule, count in prepared.split.removed.items()))


def _importance(trained: Trained) -> tuple[FeatureShare, ...]:
    """Shares by feature, summed over the steps of the window (`rsi_14[-3]` counts for `rsi_14`)."""
    shares = trained.predictor.model.feature_importance()
    if shares is None:
        return ()
    prepared = trained.prepared
    columns = prepared.recipe.matrix(prepared.features, prepared.split.train).columns
    by_feature: dict[str, float] = {}
    for column, share in zip(columns, shares.tolist(), strict=True):
        name = re.sub(r"\[-?\d+\]$", "", column)
        by_feature[name] = by_feature.get(name, 0.0) + share
    return tuple(FeatureShare(name, share) for name, share in sorted(by_feature.items(), key=lambda item: -item[1]))
