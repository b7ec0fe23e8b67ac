"""The stages of `dvc.yaml`: each alone, from the sealed files of the one before it to files of its own."""

from candle_ml.stages.places import StageAlone
from candle_ml.stages.running import StageResult, run_stage

__all__ = ["StageAlone", "StageResult", "run_stage"]
