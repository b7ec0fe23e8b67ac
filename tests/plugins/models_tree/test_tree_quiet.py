"""Training and predicting say nothing of their own accord."""

from __future__ import annotations

import warnings

import pytest

from candle_ml.components import FitContext
from candle_ml.plugins import PluginManager
from candle_ml.testing.examples import example_matrix

CONTEXT = FitContext(("O", "flag", "wedge"), seed=0, threads=2)


@pytest.mark.parametrize(
    ("name", "options"),
    [*(("random-forest", {"trees": trees}) for trees in (1, 2, 9, 10, 11, 25)), ("xgboost", {"rounds": 5})],
)
def test_no_package_warns(name: str, options: dict[str, int]) -> None:
    """Fitting in steps and predicting raise no warning of a package, whatever the number of trees."""
    component = PluginManager.load().component("model-trainer", name)
    trainer = component.build(component.options.model_validate(options))
    train, held_out = example_matrix("window", "flat"), example_matrix("window", "flat", count=40, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.fit(train, held_out, CONTEXT).predict_proba(held_out)
