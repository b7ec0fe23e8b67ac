"""pipeline.yaml: read with positions, checked as a whole, given on as frozen values."""

from candle_ml.config.building import check_buildable
from candle_ml.config.loading import load_config, parse_config, varied
from candle_ml.config.models import (
    CalibrationStage,
    Choice,
    DataStage,
    EvaluationStage,
    ExecutionSection,
    FeaturesStage,
    InferenceStage,
    LabelsStage,
    ModelStage,
    RegistryStage,
    SourcesStage,
    SplitStage,
    TrackingStage,
)
from candle_ml.config.pipeline_config import PipelineConfig, check_sample_kind
from candle_ml.config.rewriting import rewritten
from candle_ml.config.schema import schema
from candle_ml.config.searching import check_search
from candle_ml.config.tune_section import SearchSpace

__all__ = [
    "CalibrationStage",
    "Choice",
    "DataStage",
    "EvaluationStage",
    "ExecutionSection",
    "FeaturesStage",
    "InferenceStage",
    "LabelsStage",
    "ModelStage",
    "PipelineConfig",
    "RegistryStage",
    "SearchSpace",
    "SourcesStage",
    "SplitStage",
    "TrackingStage",
    "check_buildable",
    "check_sample_kind",
    "check_search",
    "load_config",
    "parse_config",
    "rewritten",
    "schema",
    "varied",
]
