"""The stages of pipeline.yaml and the keys of each that belong to the core."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import CoreSchema, core_schema

from candle_ml.components import (
    AnnotationSourceComponent,
    Component,
    FeatureExtractorComponent,
    LabelEncoderComponent,
    ModelTrainerComponent,
    Options,
)
from candle_ml.config.section import Section
from candle_ml.config.tune_section import TuneSection
from candle_ml.errors import ConfigError

AnyComponent = TypeVar("AnyComponent", bound=Component, covariant=True)
Share = Annotated[float, Field(ge=0, le=1)]
Threshold = Annotated[float, Field(ge=0, le=1)]
Overlap = Annotated[float, Field(gt=0, le=1)]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Alias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,99}$")]

PATTERNS = {
    r"^#[0-9a-fA-F]{6}$": "a colour such as '#26a69a'",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": "letters, digits, '.', '_' and '-', at most 100",
    r"^[a-z][a-z0-9_-]{0,99}$": "a lower-case letter, then lower-case letters, digits, '_' and '-'",
}
"""What a message says instead of a pattern."""


@dataclass(frozen=True, slots=True)
class Choice(Generic[AnyComponent]):
    """A component that the configuration names, and its options; `path` is the key path of its place."""

    name: str
    options: Options
    component: AnyComponent
    path: str = ""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.is_instance_schema(cls)


class PluginsSection(Section):
    """Which installed plugins must not be imported."""

    disabled: tuple[str, ...] = ()
    """Plugins, or whole distributions, that are never imported."""


class Stage(Section):
    """What every stage has."""

    enabled: bool = True
    """Whether this stage takes part. A stage that does not say follows the stages it needs."""


class SourcesStage(Stage):
    """Where candles, annotations and reviewed ranges come from."""

    use: SkipJsonSchema[tuple[Choice[AnnotationSourceComponent], ...]] = Field(default=(), exclude=True)
    """The sources, read in this order."""
    strict: bool = False
    """Refuse the whole input when one row is bad; otherwise bad rows are set aside, counted and named."""
    assume_reviewed: bool = True
    """Where no reviewed range is given, take the candles from the first to the last annotation of a series as seen."""
    colors: dict[str, Color] = Field(default={})
    """Colour of a label on the chart where no source gives one, as `label: "#rrggbb"`."""


class FeaturesStage(Stage):
    """What the model sees of the candles; without this stage it sees the raw ones."""

    use: SkipJsonSchema[tuple[Choice[FeatureExtractorComponent], ...]] = Field(default=(), exclude=True)
    """The feature extractors, in the order of their columns."""


class LabelsStage(Stage):
    """How annotations become samples, and scores become predictions."""

    use: SkipJsonSchema[Choice[LabelEncoderComponent] | None] = Field(default=None, exclude=True)
    """The label encoder."""

    @property
    def chosen(self) -> Choice[LabelEncoderComponent]:
        """The label encoder. Raises `ConfigError` where the stage is disabled."""
        return _chosen("labels", self.use)


class SplitStage(Stage):
    """How samples are divided into blocks; without this stage everything is trained on."""

    method: Literal["temporal", "walk_forward", "random"] = "temporal"
    """`temporal`: blocks in the order of time; `walk_forward`: growing folds; `random`: leaks, says the report."""
    train: Share = 0.6
    """Share of the time that the model is fitted on."""
    validation: Share = 0.1
    """Share of the time that early stopping watches."""
    calibration: Share = 0.1
    """Share of the time that probabilities and thresholds are fitted on."""
    test: Share = 0.2
    """Share of the time that the scores come from; nothing is chosen on it."""
    embargo: int = Field(default=10, ge=0)
    """Candles left out at every border between blocks, beyond those that a sample of the other block has seen."""
    folds: int = Field(default=5, ge=2, le=100)
    """Number of folds of `walk_forward`, and of `evaluation.out_of_fold`."""
    leakage_gap: bool = True
    """Measure how much better a leaking split looks; this fits the model once more, on randomly drawn samples."""

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.train + self.validation + self.calibration + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train, validation, calibration and test sum to {total:.6g}; make them sum to 1")
        if self.train == 0:
            raise ValueError("train is 0; leave something to train on")
        return self


class AuditStage(Stage):
    """Whether features, labels and blocks are searched for leaks before training."""


class ModelStage(Stage):
    """What is trained."""

    use: SkipJsonSchema[Choice[ModelTrainerComponent] | None] = Field(default=None, exclude=True)
    """The model trainer."""
    refit: bool = False
    """Fit once more on every block after the evaluation; the report says that its scores are of the model before."""

    @property
    def chosen(self) -> Choice[ModelTrainerComponent]:
        """The model trainer. Raises `ConfigError` where the stage is disabled."""
        return _chosen("model", self.use)


class CalibrationStage(Stage):
    """How scores become probabilities, and from which one on a pattern is reported."""

    method: Literal["temperature", "isotonic"] = "temperature"
    """`temperature`: one number, and one for each class; `isotonic`: a curve for each, for large calibration blocks."""
    thresholds: Literal["f1"] | dict[str, Threshold] = "f1"
    """`f1`: the threshold of each label that gives the best F1 on the calibration block; or a number for each label."""
    folds: int = Field(default=0, ge=0, le=20)
    """Without a calibration block (`split.calibration: 0`): fit so many models on parts of the train block, and choose
    on what each says of the part that it has not seen. 0: choose on the calibration block."""
    shared: float = Field(default=0, ge=0, allow_inf_nan=False)
    """With `f1`: the spans of all labels together count beside those of each label as so many true spans, so that the
    threshold of a label with few annotations does not hang on a few of them."""

    @field_validator("folds")
    @classmethod
    def _no_single_fold(cls, folds: int) -> int:
        return _several(folds)


class EvaluationStage(Stage):
    """What is measured on the test block."""

    iou: tuple[Overlap, ...] = Field(default=(0.3, 0.5, 0.7), min_length=1)
    """Overlaps (intersection over union) from which a predicted span counts as the annotated one."""
    tolerance: int = Field(default=0, ge=0)
    """Candles that a predicted point may lie beside the annotated one."""
    out_of_fold: bool = False
    """Predict candles of the training range by folds as `walk_forward` does, whatever the split's method."""
    report: bool = True
    """Write `report.html`."""


class SuggestStage(Stage):
    """What to annotate next, and which annotations to look at again; stored in the bundle."""

    enabled: bool = False
    """Whether a training ends with suggestions."""
    limit: int = Field(default=100, ge=1, le=1000)
    """Most stretches, and most annotations to look at again."""
    folds: int = Field(default=5, ge=0, le=20)
    """Models that are fitted on parts of the samples to find annotations whose label looks wrong; 0: do not look."""

    @field_validator("folds")
    @classmethod
    def _no_single_fold(cls, folds: int) -> int:
        return _several(folds)


class TrackingStage(Stage):
    """Where runs are recorded."""

    uri: str | None = None
    """Address of the MLflow store; null: `sqlite:///mlflow.db` in the project folder."""
    experiment: str | None = None
    """Name of the MLflow experiment; null: the name of the pipeline."""


class RegistryStage(Stage):
    """Where the trained model is registered."""

    alias: Alias = "champion"
    """Alias of the version that is served."""
    promote: Literal["always", "better", "never"] = "better"
    """When a new version gets the alias: `better` when its scores on the same test block are."""
    model_name: Name | None = None
    """Name of the registered model; null: the name of the pipeline."""

    @model_validator(mode="after")
    def _alias_is_free(self) -> Self:
        if self.alias == "latest" or re.fullmatch(r"v[0-9]+", self.alias):
            raise ValueError(f"alias {self.alias!r} is a word of MLflow's own; choose another, such as champion")
        return self


class InferenceStage(Stage):
    """How predictions are served."""

    host: str = "127.0.0.1"
    """Address that the service listens on."""
    port: int = Field(default=8001, ge=0, le=65535)
    """Port that the service listens on; 0: any free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names that requests may be addressed to, beside this machine's own."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the service from a browser."""
    body_limit: int = Field(default=33554432, ge=1024)
    """Largest request body in bytes."""
    body_timeout: float = Field(default=30, gt=0)
    """Seconds that a request body may take to arrive."""
    request_timeout: float = Field(default=30, gt=0)
    """Seconds that a prediction may take."""
    queue: int = Field(default=64, ge=1)
    """Requests that may wait for a free thread."""
    threads: int = Field(default=2, ge=1)
    """Predictions that run at the same time."""
    batch_limit_candles: int = Field(default=500_000, ge=1)
    """Most candles of one batch prediction."""
    allow_other_timeframes: bool = False
    """Also predict timeframes that the model was not trained on."""


class DataStage(Stage):
    """Whether the input of every run is kept as a dataset version."""

    enabled: bool = False
    """Whether dataset versions are kept."""
    path: str = "data/versions"
    """Folder of the versions."""
    remote: str | None = None
    """Where the versions are stored; null: a folder beside the project."""


class TlsFiles(Section):
    """PEM files, their paths from the project folder."""

    ca: str
    """The authority that signed the cluster's certificates."""
    certificate: str
    """The certificate that is shown to the cluster."""
    key: str
    """Its private key."""


def _address(text: str) -> str:
    found = re.fullmatch(r"((tcp|tls)://)?([\w.-]+|\[[0-9a-fA-F:.]+\]):(?P<port>[0-9]{1,5})", text)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise ValueError("an address such as tls://host:8786, or without encryption tcp://host:8786")
    return text


class ExecutionSection(Section):
    """Where the work that can be divided runs."""

    engine: Literal["local", "dask"] = "local"
    """`local`: processes of this machine; `dask`: the workers of a Dask cluster. The results are the same."""
    workers: int = Field(default=1, ge=1)
    """Processes of engine `local`, and threads of a trainer that has some."""
    scheduler: Annotated[str, AfterValidator(_address)] | None = None
    """Address of the cluster's scheduler, such as `tls://host:8786`."""
    tls: TlsFiles | None = None
    """What this side of a `tls://` connection shows and believes."""
    memory: int = Field(default=4096, ge=0)
    """Megabytes of features that are held, and of candles; more are kept as files in `.candle-ml/partitions`."""

    @model_validator(mode="after")
    def _cluster_is_named(self) -> Self:
        if self.engine == "dask" and self.scheduler is None:
            raise ValueError("engine dask without a scheduler; add scheduler: tls://host:8786")
        if (self.scheduler or "").startswith("tls://") != (self.tls is not None):
            raise ValueError("a scheduler at tls:// and the files under tls belong together; give both or neither")
        return self


class Settings(Section):
    """The whole of pipeline.yaml."""

    name: Name
    """Name of the pipeline: of its experiment and of its registered model."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Start of every random choice: one seed, one model."""
    plugins: PluginsSection = PluginsSection()
    sources: SourcesStage = SourcesStage()
    features: FeaturesStage = FeaturesStage()
    labels: LabelsStage = LabelsStage()
    split: SplitStage = SplitStage()
    audit: AuditStage = AuditStage()
    model: ModelStage = ModelStage()
    calibration: CalibrationStage = CalibrationStage()
    evaluation: EvaluationStage = EvaluationStage()
    suggest: SuggestStage = SuggestStage()
    tracking: TrackingStage = TrackingStage()
    registry: RegistryStage = RegistryStage()
    inference: InferenceStage = InferenceStage()
    data: DataStage = DataStage()
    execution: ExecutionSection = ExecutionSection()
    tune: TuneSection = TuneSection()

    def stages(self) -> dict[str, Stage]:
        """Every stage by its key, in their order."""
        sections = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: section for name, section in sections if isinstance(section, Stage)}


def _several(folds: int) -> int:
    if folds == 1:
        raise ValueError("one fold leaves nothing to train on; write 0, or 2 or more")
    return folds


def _chosen(stage: str, choice: Choice[AnyComponent] | None) -> Choice[AnyComponent]:
    if choice is None:
        raise ConfigError.at(stage, "disabled", f"enable it with --set {stage}.enabled=true")
    return choice
