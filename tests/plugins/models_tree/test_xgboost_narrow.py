"""Boosters on the columns that their trees read."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost

from candle_ml_models_tree.xgboost_narrow import narrowed


def _file(rounds: int, informative: bool) -> bytes:
    random = np.random.default_rng(3)
    values = random.standard_normal((400, 60)).astype(np.float32)
    codes = (values[:, 40] > 0).astype(int) + (values[:, 7] > 1) if informative else np.arange(400) % 3
    values = values if informative else np.zeros_like(values)
    parameters = {"objective": "multi:softprob", "num_class": 3, "max_depth": 3}
    return bytes(xgboost.train(parameters, xgboost.DMatrix(values, codes), rounds).save_raw("ubj"))


@pytest.mark.parametrize("rounds", [1, 20])
def test_the_trees_say_the_same_bits_on_the_columns_that_they_read(rounds: int) -> None:
    """A narrowed booster says of some columns what the whole one says of all, missing and large ones too."""
    content = _file(rounds, informative=True)
    whole = xgboost.Booster()
    whole.load_model(bytearray(content))
    values = np.random.default_rng(4).standard_normal((300, 60)).astype(np.float32)
    values[::7] *= 1e30
    values[::5, 40] = np.nan
    booster, read = narrowed(content)
    assert {7, 40} <= set(read.tolist())
    assert len(read) < 60
    assert booster.num_features() == len(read)
    assert np.array_equal(booster.inplace_predict(values[:, read]), whole.inplace_predict(values))


def test_trees_that_read_nothing_keep_one_column() -> None:
    """A booster that found no split still predicts, from one column."""
    booster, read = narrowed(_file(2, informative=False))
    assert read.tolist() == [0]
    assert booster.inplace_predict(np.ones((2, 1), dtype=np.float32)).shape == (2, 3)
