"""The leakage gap: how much better the same model looks when its samples are drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import f1_score

from candle_ml.components import Model, Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.errors import TrainingError
from candle_ml.held_back import coded
from candle_ml.split import Split
from candle_ml.training import Prepared, Trained, fit_model, split_samples


@dataclass(frozen=True, slots=True)
class LeakageGap:
    """Macro F1 over held-out samples, by the most probable class: drawn at random, and purged in the order of time."""

    shuffled: float
    purged: float

    @property
    def gap(self) -> float:
        """What the leak is worth."""
        return self.shuffled - self.purged

    def metrics(self) -> dict[str, float]:
        """The gap and its two scores as metrics of the run."""
        return {
            "leakage_gap": self.gap,
            "leakage_shuffled_f1_macro": self.shuffled,
            "leakage_purged_f1_macro": self.purged,
        }

    def __str__(self) -> str:
        scores = f"macro F1 of held-out samples {self.shuffled:.3f} drawn at random, {self.purged:.3f} purged"
        below = "; below zero is no sign of a leak" if self.gap < 0 else ""
        return f"leakage gap {self.gap:+.3f}: {scores}{below}"


def leakage_gap(
    trained: Trained, config: PipelineConfig, progress: Progress = no_progress
) -> LeakageGap | TrainingError | None:
    """Fit once more on the other kind of split: random beside one in the order of time, and the other way round.

    None where it is switched off or nothing is held out; the error where the other split cannot be fitted.
    """
    prepared, stage = trained.prepared, config.split
    if not (stage.enabled and stage.leakage_gap and stage.test > 0):
        return None
    shuffled = stage.method == "random"
    progress("leakage gap", 0, 1)
    try:
        other = split_samples(prepared.samples, prepared.dataset, config, "temporal" if shuffled else "random")
        model = fit_model(prepared, other, config)
    except TrainingError as error:
        return error
    ours = _score(prepared, trained.predictor.model, prepared.split)
    theirs = _score(prepared, model, other)
    progress("leakage gap", 1, 1)
    return LeakageGap(ours, theirs) if shuffled else LeakageGap(theirs, ours)


def _score(prepared: Prepared, model: Model, parts: Split) -> float:
    """Macro F1 of the test part over the classes that occur in it."""
    matrix = prepared.recipe.unlabelled_matrix(prepared.features, parts.test)
    truth = coded(parts.test, model.classes).reshape(-1)
    said = model.predict_proba(matrix).argmax(axis=-1).reshape(-1)
    known = truth >= 0
    present = np.unique(truth[known])
    return float(f1_score(truth[known], said[known], labels=present, average="macro", zero_division=0))
