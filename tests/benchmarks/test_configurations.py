"""The configurations that are measured beside the default one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.detection.charts import Chart, planted_chart
from benchmarks.detection.ours import write_project
from benchmarks.detection.rules import FEW
from benchmarks.detection.tracks import TRACKS
from benchmarks.detection.tuning_seeds import TABLE_SEEDS

from candle_ml.candles import Candles, SeriesKey
from candle_ml.config import load_config
from candle_ml.inference import build_recipe
from candle_ml.reading import read_dataset
from candle_ml.training import Prepared, prepare

FOLDER = Path(__file__).parents[2] / "benchmarks" / "detection"


def prepared_with(folder: Path, chart: Chart) -> Prepared:
    """What stands before the model that the configuration for patterns of any length makes of a chart."""
    write_project(folder, chart, FOLDER / "any-length.yaml")
    config = load_config(folder / "config" / "pipeline.yaml")
    return prepare(read_dataset(config), config)


def test_any_length_shows_every_chart_pattern_in_many_windows(tmp_path: Path) -> None:
    """Of chart patterns no annotation is too long or short; each has five windows or more."""
    chart = planted_chart(TABLE_SEEDS[0], 10)
    prepared = prepared_with(tmp_path, chart)
    samples = prepared.samples
    windows = np.bincount(samples.annotation[samples.annotation >= 0], minlength=len(chart.annotations))
    assert windows.min() >= 5
    assert "far from every scale" not in prepared.left_out


def test_any_length_scans_the_lengths_of_a_few_candles(tmp_path: Path) -> None:
    """On the track of a few candles it has a window as long as each pattern, and no longer one."""
    prepared = prepared_with(tmp_path, TRACKS["few-candles"](TABLE_SEEDS[0], 10))
    assert set(prepared.samples.scale.tolist()) == {2, 3, 4, 5}
    assert {rule.candles for rule in FEW.values()} <= {2, 3, 4, 5}


def test_few_candles_scans_every_length_that_the_rules_have() -> None:
    """The configuration for a few candles has a window as long as each pattern of its track."""
    price, time = np.ones(9), 3600 * np.arange(9, dtype=np.int64)
    encoder = build_recipe(load_config(FOLDER / "few-candles.yaml")).encoder
    scanned = encoder.candidates(Candles(SeriesKey("MADE", "1h"), time, price, price, price, price))
    assert {rule.candles for rule in FEW.values()} <= set(scanned.scale.tolist())
