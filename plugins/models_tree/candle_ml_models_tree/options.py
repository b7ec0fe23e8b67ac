"""Options of the models; the defaults suit 20 to 60 annotations a label and about a thousand columns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from candle_ml.components import Options

Share = Annotated[float, Field(gt=0.0, le=1.0)]
ClassWeight = Literal["balanced", "none"]


class ClassOptions(Options):
    """What all models have in common."""

    class_weight: ClassWeight = Field(
        "balanced",
        description="balanced: rare classes weigh as much as frequent ones; none: every sample its own weight.",
    )
    min_samples_per_class: int = Field(2, ge=1, description="Fewest training samples of a class; fewer is an error.")


class RandomForestOptions(ClassOptions):
    """How a random forest is grown."""

    trees: int = Field(300, ge=1, le=10_000, description="Number of trees; more are steadier and slower.")
    max_depth: int | None = Field(None, ge=1, le=64, description="Most splits from root to leaf; null: no limit.")
    min_samples_leaf: int = Field(2, ge=1, description="Fewest training samples in a leaf.")
    max_features: Literal["sqrt", "log2"] | Share = Field(
        "sqrt", description="Columns tried at each split: sqrt or log2 of their number, or a share of them."
    )


class XgboostOptions(ClassOptions):
    """How trees are boosted."""

    rounds: int = Field(300, ge=1, le=10_000, description="Most boosting rounds; each grows one tree a class.")
    early_stopping_rounds: int | None = Field(
        30, ge=1, description="Stop after this many rounds without gain on the validation block; null: never."
    )
    learning_rate: float = Field(0.1, gt=0.0, le=1.0, description="Share of each tree that is kept.")
    max_depth: int = Field(4, ge=1, le=16, description="Most splits from root to leaf.")
    min_child_weight: float = Field(1.0, ge=0.0, description="Least sum of second derivatives in a leaf.")
    subsample: Share = Field(0.8, description="Share of the samples that each tree sees.")
    colsample_bytree: Share = Field(0.3, description="Share of the columns that each tree sees.")
    reg_lambda: float = Field(1.0, ge=0.0, description="L2 penalty on leaf values.")
    max_bin: int = Field(64, ge=2, le=1024, description="Bins a column is cut into; more are finer and slower.")
    threads: int = Field(
        1, ge=1, le=256, description="Training threads; part of the recipe, as another number can give another model."
    )


class XgboostDaskOptions(XgboostOptions):
    """How trees are boosted by several workers, of which each would draw samples of its own."""

    subsample: Annotated[float, Field(ge=1.0, le=1.0)] = Field(1.0, description="1: each tree sees every sample.")


class RandomFeaturesOptions(ClassOptions):
    """How random features are drawn and weighed."""

    class_weight: ClassWeight = Field(
        "none",
        description="balanced: rare classes weigh as much as frequent ones; none: every sample its own weight.",
    )
    directions: int = Field(
        64, ge=1, le=128, description="Directions in which the samples differ most; only these are looked at."
    )
    features: int = Field(2000, ge=1, le=20_000, description="Random features; more are steadier and slower.")
    penalty: float = Field(0.02, gt=0.0, description="What keeps weights small (ridge), for each sample.")
