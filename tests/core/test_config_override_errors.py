"""Malformed `--set` overrides, each with the exact message that a user sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml.config import parse_config
from candle_ml.errors import ConfigError
from candle_ml.plugins import PluginManager

BASE = """\
name: demo
sources: {use: [candle-files]}
features: {use: [candle-shape, window-shape]}
labels: {use: windowed}
model: {use: xgboost}
"""
MANAGER = PluginManager.load()

OVERRIDES = {
    "no value": ("seed", "--set seed: no key path and value; write --set key.path=value"),
    "no key": ("=3", "--set =3: no key path and value; write --set key.path=value"),
    "empty key": ("a..b=3", "--set a..b=3: no key path and value; write --set key.path=value"),
    "not YAML": ("seed=[1", "--set seed=[1: seed: not YAML: expected ',' or ']', but got '<stream end>'"),
    "alias": ("seed=*a", "--set seed=*a: seed: the alias *a; write the value out"),
    "wrong type": ("seed=no", "--set seed=no: seed: 'no'; a whole number"),
    "unknown key": (
        "model.max_dept=3",
        "--set model.max_dept=3: model.max_dept: unknown key 'max_dept'; did you mean 'max_depth'?",
    ),
    "beyond a list": (
        "features.use.5=talib-cdl",
        "--set features.use.5=talib-cdl: features.use: a list of 2, which has no item '5'; a number from 0 to 2",
    ),
    "name for an item": (
        "features.use.last=talib-cdl",
        "--set features.use.last=talib-cdl: features.use: a list of 2, which has no item 'last'; a number from 0 to 2",
    ),
    "password": (
        "tracking.uri=postgresql://me:secret@host/db",
        "--set tracking.uri=postgresql://***@host/db: tracking.uri: an address with a password in it; "
        "take it out and set MLFLOW_TRACKING_PASSWORD, or PGPASSWORD, in the environment",
    ),
    "below a value": (
        "name.short=x",
        "--set name.short=x: name: 'demo', which has no key 'short'; name a key of a mapping",
    ),
}


@pytest.mark.parametrize(("override", "message"), OVERRIDES.values(), ids=OVERRIDES.keys())
def test_a_wrong_override_is_named(override: str, message: str) -> None:
    """A `--set` that is wrong is quoted in place of a position."""
    with pytest.raises(ConfigError) as caught:
        parse_config(BASE, "p.yaml", Path("project"), (override,), MANAGER)
    assert str(caught.value) == message
