"""A project of one series that trains in a second."""

from __future__ import annotations

from pathlib import Path

from candle_ml.demo import write_demo

PIPELINE = """name: small
sources:
  use:
    - {use: candle-files, path: data/candles}
    - {use: talib-patterns, functions: [CDLENGULFING, CDLHARAMI]}
features: {use: [{use: candle-shape}]}
labels: {use: windowed, window: 6}
split: {leakage_gap: false}
audit: {enabled: false}
model: {use: random-forest, trees: 4, max_depth: 4}
evaluation: {report: false}
"""


def last_candles(folder: Path, count: int = 700) -> str:
    """The last real daily candles of one stock as CSV; the demo that they come from is written into `folder`."""
    write_demo(folder)
    header, *rows = (folder / "data" / "candles" / "AAPL_1d.csv").read_text("utf-8").splitlines()
    return "\n".join([header, *rows[-count:]]) + "\n"


def write_project(root: Path, candles: str, pipeline: str = PIPELINE) -> Path:
    """A project that was not trained yet; returns its folder."""
    (root / "data" / "candles").mkdir(parents=True)
    (root / "data" / "candles" / "AAPL_1d.csv").write_text(candles, "utf-8")
    (root / "config").mkdir()
    (root / "config" / "pipeline.yaml").write_text(pipeline, "utf-8")
    return root
