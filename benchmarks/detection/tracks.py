"""What patterns are looked for, and in which candles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.detection.charts import Chart, planted_chart
from benchmarks.detection.market import bricks, candles
from benchmarks.detection.rules import FEW, SINGLE, Rule, spans
from benchmarks.detection.tuning_seeds import TABLE_SEEDS

from candle_ml.candles import Candles
from candle_ml.config import parse_config
from candle_ml.demo import write_demo
from candle_ml.evaluation import Span
from candle_ml.reading import read_dataset

_CANDLES, _UNSEEN = 36_000, 4800
_SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
_REAL_UNSEEN = 0.3
_FUNCTIONS = ("CDLENGULFING", "CDLHARAMI", "CDLHIKKAKE")
_SCORED = ("bullish_engulfing", "bearish_harami", "bullish_hikkake")
_TUNED = ("bearish_engulfing", "bullish_harami", "bearish_hikkake")
_MARGIN = 5
_REAL = f"""
name: real
sources:
  use:
    - use: candle-files
      path: data/candles
    - use: talib-patterns
      functions: [{", ".join(_FUNCTIONS)}]
features: {{enabled: false}}
labels: {{enabled: false}}
model: {{enabled: false}}
"""


def ruled_chart(rules: Mapping[str, Rule], seed: int, annotations: int) -> Chart:
    """Made candles without anything planted, and what these rules find in them."""
    made = candles(bricks(_CANDLES, np.random.default_rng(seed)))
    return annotated(made, spans(made, rules), tuple(rules), len(made) - _UNSEEN, annotations)


def real_chart(seed: int, annotations: int) -> Chart:
    """Daily candles of one stock of the demo, and what TA-Lib finds in them; tuning seeds have labels of their own."""
    labels = _TUNED if seed in TABLE_SEEDS else _SCORED
    with TemporaryDirectory() as folder:
        write_demo(Path(folder))
        dataset = read_dataset(parse_config(_REAL, "real.yaml", Path(folder)))
    data = next(data for key, data in dataset.series.items() if key.pair == _SYMBOLS[seed % len(_SYMBOLS)])
    ends = [(item.label, *data.candles.index_range(item.start_time, item.end_time)) for item in data.annotations]
    found = [Span(*end) for end in ends if end[0] in labels]
    border = round(len(data.candles) * (1 - _REAL_UNSEEN))
    return annotated(data.candles, found, labels, border, annotations, _FUNCTIONS)


def annotated(
    candles: Candles,
    found: Sequence[Span],
    labels: tuple[str, ...],
    border: int,
    annotations: int,
    hidden: tuple[str, ...] = (),
) -> Chart:
    """A chart reviewed as far back from the border as every label needs to have so many annotations.

    Raises `ValueError` where a label has fewer.
    """
    seen = [span for span in found if span.last < border]
    of_label = [[span.first for span in seen if span.label == label] for label in labels]
    if (most := min(map(len, of_label))) < annotations:
        raise ValueError(f"{candles.key}: a label has {most} spans before the unseen part; ask for no more")
    start = max(0, min(firsts[-annotations] for firsts in of_label) - _MARGIN)
    return Chart(
        candles=candles,
        labels=labels,
        border=border,
        reviewed=(start, border - 1),
        annotations=tuple(span for span in seen if span.first >= start),
        truth=tuple(span for span in found if span.first >= border),
        hidden=hidden,
    )


TRACKS: Mapping[str, Callable[[int, int], Chart]] = {
    "chart": planted_chart,
    "few-candles": partial(ruled_chart, FEW),
    "single-candle": partial(ruled_chart, SINGLE),
    "real": real_chart,
}
"""Makes a chart from a seed and the number of annotations a label."""
