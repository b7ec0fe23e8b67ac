"""What patterns are looked for, and in which candles."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.detection.charts import Chart, planted_chart

TRACKS: Mapping[str, Callable[[int, int], Chart]] = {
    "chart": planted_chart,
}
"""Makes a chart from a seed and the number of annotations a label."""
