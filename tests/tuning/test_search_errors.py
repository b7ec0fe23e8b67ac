"""Wrong searches, each with the exact message that a user sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml.config import PipelineConfig, check_search, parse_config
from candle_ml.errors import ConfigError
from candle_ml.plugins import PluginManager

BASE = """\
name: demo
sources: {use: [candle-files]}
features: {use: [candle-shape, window-shape]}
labels: {use: windowed}
model: {use: xgboost}
tune:
  search:
"""
MANAGER = PluginManager.load()

FORMS = {
    "no values": (
        "model.max_depth: {}",
        "p.yaml:8:22: tune.search.model.max_depth: no values; give one of int, float and choice",
    ),
    "two kinds": (
        "model.max_depth: {int: [3, 5], choice: [3, 5]}",
        "p.yaml:8:22: tune.search.model.max_depth: int and choice; give one of int, float and choice",
    ),
    "no mapping": ("model.max_depth: [3, 5]", "p.yaml:8:22: tune.search.model.max_depth: a list; a mapping"),
    "unknown word": (
        "model.max_depth: {int: [3, 5], lag: true}",
        "p.yaml:8:36: tune.search.model.max_depth.lag: unknown key 'lag'; did you mean 'log'?",
    ),
    "one end": (
        "model.max_depth: {int: [3]}",
        "p.yaml:8:28: tune.search.model.max_depth.int: a list; a list of 2 or more",
    ),
    "three ends": (
        "model.max_depth: {int: [3, 5, 7]}",
        "p.yaml:8:28: tune.search.model.max_depth.int: a list; a list of at most 2",
    ),
    "no whole numbers": (
        "model.max_depth: {int: [3, 5.5]}",
        "p.yaml:8:32: tune.search.model.max_depth.int.1: 5.5; a whole number",
    ),
    "backwards": (
        "model.max_depth: {int: [10, 3]}",
        "p.yaml:8:22: tune.search.model.max_depth: from 10 to 3; the first has to be the smaller",
    ),
    "no distance": (
        "model.learning_rate: {float: [0.1, 0.1]}",
        "p.yaml:8:26: tune.search.model.learning_rate: from 0.1 to 0.1; the first has to be the smaller",
    ),
    "log from 0": (
        "model.learning_rate: {float: [0, 0.1], log: true}",
        "p.yaml:8:26: tune.search.model.learning_rate: log from 0; it needs numbers above 0",
    ),
    "log of choices": (
        "model.max_depth: {choice: [3, 5], log: true}",
        "p.yaml:8:22: tune.search.model.max_depth: log goes with int or float",
    ),
    "step of numbers": (
        "model.learning_rate: {float: [0.1, 0.5], step: 2}",
        "p.yaml:8:26: tune.search.model.learning_rate: step goes with int, without log",
    ),
    "step beside the end": (
        "model.max_depth: {int: [3, 8], step: 2}",
        "p.yaml:8:22: tune.search.model.max_depth: steps of 2 do not lead from 3 to 8",
    ),
    "one choice": (
        "model.max_depth: {choice: [3]}",
        "p.yaml:8:31: tune.search.model.max_depth.choice: a list; a list of 2 or more",
    ),
    "a choice twice": (
        "model.max_depth: {choice: [3, 5, 3]}",
        "p.yaml:8:22: tune.search.model.max_depth: 3 is there 2 times",
    ),
}

VALUES = {
    "unknown key": (
        "model.max_dept: {int: [3, 5]}",
        "p.yaml:8:21: tune.search.model.max_dept: unknown key 'max_dept'; did you mean 'max_depth'?",
    ),
    "both ends": (
        "model.max_depth: {int: [0, 40]}",
        "p.yaml:8:22: tune.search.model.max_depth: 0; at least 1\n"
        "p.yaml:8:22: tune.search.model.max_depth: 40; at most 16",
    ),
    "wrong type": (
        "model.max_depth: {float: [1.5, 2.5]}",
        "p.yaml:8:22: tune.search.model.max_depth: 1.5; a whole number\n"
        "p.yaml:8:22: tune.search.model.max_depth: 2.5; a whole number",
    ),
    "no such component": (
        "model.use: {choice: [xgboost, xgbost]}",
        "p.yaml:8:16: tune.search.model.use: no plugin provides model-trainer 'xgbost'; did you mean 'xgboost'?",
    ),
    "no such item": (
        "features.use.5.points: {choice: [8, 16]}",
        "p.yaml:8:28: tune.search.features.use.5.points: a list of 2, which has no item '5'; a number from 0 to 2",
    ),
    "against another key": (
        "calibration.folds: {choice: [0, 3]}",
        "p.yaml:8:24: tune.search.calibration.folds: 3, but split.calibration holds back 0.1; "
        "write split.calibration: 0, or folds: 0",
    ),
    "refused elsewhere": (
        "labels.scales: {choice: [[12], [12, 24]]}",
        "p.yaml:8:20: tune.search.labels.scales: [12, 24], but p.yaml:4:9: labels: scales [12, 24] with fit 'window'; "
        "give one scale, or write fit: stretch",
    ),
    "what scores": (
        "split.embargo: {int: [1, 5]}",
        "p.yaml:8:20: tune.search.split.embargo: decides nothing of a model; "
        "search keys of features, labels, model and calibration",
    ),
    "three keys": (
        "model.max_dept: {int: [3, 5]}\n    model.trees: {int: [5, 3]}\n    labels.windw: {choice: [24, 30]}",
        "p.yaml:8:21: tune.search.model.max_dept: unknown key 'max_dept'; did you mean 'max_depth'?\n"
        "p.yaml:9:18: tune.search.model.trees: from 5 to 3; the first has to be the smaller\n"
        "p.yaml:10:19: tune.search.labels.windw: unknown key 'windw'; did you mean 'window'?",
    ),
}


def parsed(search: str) -> PipelineConfig:
    return parse_config(f"{BASE}    {search}\n", "p.yaml", Path("project"), (), MANAGER)


@pytest.mark.parametrize(("search", "message"), FORMS.values(), ids=FORMS.keys())
def test_a_malformed_search_is_named(search: str, message: str) -> None:
    """Values that are none, or cannot be searched, are named with their position."""
    with pytest.raises(ConfigError) as caught:
        check_search(parsed(search))
    assert str(caught.value) == message


@pytest.mark.parametrize(("search", "message"), VALUES.values(), ids=VALUES.keys())
def test_a_value_that_is_refused_is_named(search: str, message: str) -> None:
    """Keys that are unknown and values that the configuration refuses are named with their position in the search."""
    config = parsed(search)
    with pytest.raises(ConfigError) as caught:
        check_search(config)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "search",
    [
        "model.max_depth: {int: [3, 10]}",
        "model.rounds: {int: [100, 500], step: 100}",
        "model.learning_rate: {float: [0.01, 1], log: true}",
        "labels: {choice: [{use: windowed, window: 24}, {use: windowed, scales: [12, 24], fit: stretch}]}",
        "model.use: {choice: [xgboost, random-forest]}",
        "model.early_stopping_rounds: {choice: [null, 10, 30]}",
    ],
)
def test_whatever_set_takes_can_be_searched(search: str) -> None:
    """Numbers, words, null, lists and mappings are tried, and the effective text means the same search."""
    config = parsed(search)
    check_search(config)
    again = parse_config(config.text, "p.yaml", Path("project"), (), MANAGER)
    assert again.tune == config.tune
    assert again.hash == config.hash
