"""Random forest and gradient-boosted trees."""

from collections.abc import Iterable

from candle_ml.components import ModelTrainerComponent, lazy
from candle_ml.hookspecs import hookimpl
from candle_ml_models_tree.options import RandomForestOptions, XgboostOptions


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
