"""Random forest, gradient-boosted trees and ridge regression on random features."""

from collections.abc import Iterable

from candle_ml.components import ModelTrainerComponent, lazy
from candle_ml.hookspecs import hookimpl
from candle_ml_models_tree.options import (
    RandomFeaturesOptions,
    RandomForestOptions,
    XgboostDaskOptions,
    XgboostOptions,
)


@hookimpl
def candle_ml_model_trainers() -> Iterable[ModelTrainerComponent]:
    """The trainers of this package."""
    yield ModelTrainerComponent(
        name="random-forest",
        summary="many independent decision trees (scikit-learn)",
        build=lazy("candle_ml_models_tree.random_forest:RandomForestTrainer"),
        load=lazy("candle_ml_models_tree.random_forest:load"),
        options=RandomForestOptions,
        extra="models-tree",
    )
    yield ModelTrainerComponent(
        name="xgboost",
        summary="gradient-boosted decision trees (XGBoost)",
        build=lazy("candle_ml_models_tree.xgboost_model:XgboostTrainer"),
        load=lazy("candle_ml_models_tree.xgboost_model:load"),
        options=XgboostOptions,
        extra="models-tree",
    )
    yield ModelTrainerComponent(
        name="xgboost-dask",
        summary="the trees of xgboost, boosted by all workers of a Dask cluster",
        build=lazy("candle_ml_models_tree.xgboost_dask:XgboostDaskTrainer"),
        load=lazy("candle_ml_models_tree.xgboost_model:load"),
        options=XgboostDaskOptions,
        extra="models-tree",
    )
    yield ModelTrainerComponent(
        name="random-features",
        summary="ridge regression on random features, fitted in seconds",
        build=lazy("candle_ml_models_tree.random_features:RandomFeaturesTrainer"),
        load=lazy("candle_ml_models_tree.random_features:load"),
        options=RandomFeaturesOptions,
        extra="models-tree",
    )
