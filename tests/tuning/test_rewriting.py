"""Values put into the text of a pipeline.yaml: everything else stays as it was written."""

from __future__ import annotations

from difflib import ndiff
from pathlib import Path

import pytest

from candle_ml.config import parse_config, rewritten
from candle_ml.errors import ConfigError
from candle_ml.plugins import PluginManager

SHIPPED = Path(__file__).parents[2] / "config" / "pipeline.yaml"
MANAGER = PluginManager.load()
SMALL = """\
# A comment of mine.
name: demo  # and one behind it
sources: {use: [candle-files]}
features:
  use:
    - candle-shape  # short
    - use: window-shape
labels: {use: windowed, scales: [24]}
split:
  # nothing yet
model:
  use: xgboost
  # last words
"""
CHANGES = {
    "a value": (["name=other"], ["name: demo  # and one behind it"], ["name: other # and one behind it"]),
    "a value in braces": (
        ["labels.scales=[12]"],
        ["labels: {use: windowed, scales: [24]}"],
        ["labels: {use: windowed, scales: [12]}"],
    ),
    "a key in braces": (
        ["labels.window=30"],
        ["labels: {use: windowed, scales: [24]}"],
        ["labels: {window: 30, use: windowed, scales: [24]}"],
    ),
    "a key of a block": (["model.max_depth=7"], [], ["  max_depth: 7"]),
    "a key of a key": (["model.max_depth=7", "labels.positives.iou=0.7"], None, ["  max_depth: 7"]),
    "a key of an item": (
        ["features.use.1.points=8"],
        ["    - use: window-shape"],
        ["    - points: 8", "      use: window-shape"],
    ),
    "a key of a name": (
        ["features.use.0.scale=none"],
        ["    - candle-shape  # short"],
        ["    - {use: candle-shape, scale: none}  # short"],
    ),
    "a key of an empty section": (["split.embargo=3"], ["split:"], ["split: {embargo: 3}"]),
    "a new section": (["calibration.method=isotonic"], [], ["calibration: {method: isotonic}"]),
}


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went and those that came."""
    lines = list(ndiff(before.splitlines(), after.splitlines()))
    return [each[2:] for each in lines if each[:2] == "- "], [each[2:] for each in lines if each[:2] == "+ "]


@pytest.mark.parametrize(("overrides", "gone", "come"), CHANGES.values(), ids=CHANGES.keys())
def test_only_the_lines_of_the_values_change(overrides: list[str], gone: list[str] | None, come: list[str]) -> None:
    """A value is replaced or added where it belongs; comments, order and everything else stay."""
    config = parse_config(SMALL, "p.yaml", Path("project"), (), MANAGER)
    text = rewritten(config, overrides)
    went, came = changed(SMALL, text)
    assert gone is None or went == gone
    assert set(come) <= set(came)
    assert text.count("#") == SMALL.count("#")
    wanted = parse_config(SMALL, "p.yaml", Path("project"), overrides, MANAGER)
    assert parse_config(text, "p.yaml", Path("project"), (), MANAGER).hash == wanted.hash


def test_a_commented_default_is_switched_on() -> None:
    """In the shipped configuration the comments beside changed defaults stay in their column."""
    before = SHIPPED.read_text("utf-8")
    config = parse_config(before, "p.yaml", Path("project"), (), MANAGER)
    text = rewritten(config, ["model.max_depth=7", "split.embargo=3", "features.use.2.points=8", "labels.window=30"])
    went, came = changed(before, text)
    assert [line.replace("#max_depth: 4", "max_depth: 7 ") for line in went if "max_depth" in line] == [
        line for line in came if "max_depth" in line
    ]
    assert [line.split("#")[0].rstrip() for line in came] == [
        "      points: 8",
        "  window: 30",
        "  embargo: 3",
        "  max_depth: 7",
    ]
    assert [line.rindex("#") for line in came] == [line.rindex("#") for line in went]


def test_overrides_of_the_call_are_written_too() -> None:
    """What `--set` put over the file stands in the text, before the further values."""
    config = parse_config(SMALL, "p.yaml", Path("project"), ("model.max_depth=3", "seed=5"), MANAGER)
    text = rewritten(config, ["model.max_depth=7"])
    assert "  max_depth: 7\n" in text
    assert text.endswith("\nseed: 5\n")


def test_a_text_that_would_mean_something_else_is_written_out() -> None:
    """Where a value cannot be put into the text, the effective configuration is written instead."""
    config = parse_config(SMALL, "p.yaml", Path("project"), (), MANAGER)
    text = rewritten(config, ["features.use.2=talib-cdl"])
    wanted = parse_config(SMALL, "p.yaml", Path("project"), ("features.use.2=talib-cdl",), MANAGER)
    assert text == wanted.text


def test_refused_values_are_not_written() -> None:
    """Values that the configuration refuses raise its error."""
    config = parse_config(SMALL, "p.yaml", Path("project"), (), MANAGER)
    with pytest.raises(ConfigError) as caught:
        rewritten(config, ["model.max_depth=70"])
    assert str(caught.value) == "--set model.max_depth=70: model.max_depth: 70; at most 16"
