"""Everything that is measured of a trained model: scores on the test block, folds, and the leakage gap."""

from __future__ import annotations

from dataclasses import dataclass

from candle_ml.components import Progress
from candle_ml.config import PipelineConfig
from candle_ml.evaluation import Evaluation, SeriesCase, flat_metrics
from candle_ml.inference import OutOfFold
from candle_ml.leakage import LeakageGap, leakage_gap
from candle_ml.training import Trained, cases, evaluated
from candle_ml.walk_forward import Walked, has_folds, held, tested_block, walk


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of a model beside itself; nothing where it was not evaluated."""

    cases: tuple[SeriesCase, ...] = ()
    evaluation: Evaluation | None = None
    gap: LeakageGap | None = None
    walked: Walked | None = None
    out_of_fold: OutOfFold | None = None
    notes: tuple[str, ...] = ()

    def metrics(self) -> dict[str, float]:
        """Every number under a name that MLflow accepts."""
        scores = {} if self.evaluation is None else flat_metrics(self.evaluation)
        gap = {} if self.gap is None else self.gap.metrics()
        return scores | gap | ({} if self.walked is None else self.walked.metrics())


def measure(trained: Trained, config: PipelineConfig, progress: Progress) -> Measured:
    """Score the test block, walk forward where folds are asked for, and measure the leakage gap.

    Out-of-fold predictions are those of the folds where there are folds, else those of the test block.
    """
    prepared = trained.prepared
    block = prepared.split.block("test")
    classes = prepared.split.train.classes
    found = [] if block is None else cases(prepared.dataset, trained.predictor, classes, config, block, progress)
    gap = leakage_gap(trained, config, progress)
    walked = walk(prepared, config, progress) if has_folds(config) else None
    if walked is None:
        out_of_fold = tested_block(trained, found, config, progress)
    else:
        out_of_fold = held("folds", walked.predictions, trained.predictor.classes)
    told = () if gap is None else (str(gap) if isinstance(gap, LeakageGap) else f"leakage gap not measured: {gap}",)
    left_out = (out_of_fold,) if isinstance(out_of_fold, str) else ()
    return Measured(
        cases=tuple(found),
        evaluation=evaluated(prepared, trained.predictor, found, config) if found else None,
        gap=gap if isinstance(gap, LeakageGap) else None,
        walked=walked,
        out_of_fold=out_of_fold if isinstance(out_of_fold, OutOfFold) else None,
        notes=(*told, *left_out, *(() if walked is None else walked.notes)),
    )
