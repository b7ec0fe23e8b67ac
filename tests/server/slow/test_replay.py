"""The demo's model on the demo's candles, bar by bar: what is final never changes, and how long the rest stays open."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from candle_ml.config import load_config
from candle_ml.demo import write_demo
from candle_ml.inference import answer, load_model
from candle_ml.pipeline import run
from candle_ml.reading import read_candles

BARS = int(os.environ.get("CANDLE_ML_REPLAY_BARS", "1000"))
AT_ONCE = 50


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_is_not_provisional_never_changes(
    start: Any, to_rows: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Asked anew at each of a thousand bars, final candles have the label and probabilities of the whole series.

    Prints which share of the candles that are asked about at their own bar changes its label later, and after how many.
    """
    root = tmp_path_factory.mktemp("replay")
    write_demo(root)
    config = load_config(root / "config" / "pipeline.yaml", ())
    loaded = load_model(run(config).folder / "bundle")
    candles = next(each for each in read_candles(config, None) if each.key.pair == "AAPL")
    whole = answer(loaded, candles)
    delay, history = loaded.info.delay, loaded.info.required_history
    client = start(config).client
    ends = range(len(candles) - BARS, len(candles))
    seen: dict[int, list[str]] = {}
    worst = 0.0
    for first in range(0, BARS, AT_ONCE):
        requests = []
        for end in ends[first : first + AT_ONCE]:
            part = candles[end - history - delay - 1 : end + 1]
            series = {"pair": candles.key.pair, "timeframe": candles.key.timeframe, "include": ["probabilities"]}
            oldest = int(candles.time[end - delay])
            requests.append({**series, "candles": to_rows(part), "predict_from": oldest})
        results = client.post("/predict/batch", {"requests": requests}).json["results"]
        for end, result in zip(ends[first : first + AT_ONCE], results, strict=True):
            assert [row["provisional"] for row in result["candles"]] == [False] + [True] * delay
            for number, row in enumerate(result["candles"], end - delay):
                seen.setdefault(number, []).append(row["label"])
            final = result["candles"][0]
            assert final["label"] == whole.label[end - delay]
            given = [final["probabilities"][name] for name in whole.prediction.classes]
            worst = max(worst, float(np.abs(given - whole.prediction.probabilities[end - delay]).max()))
    assert worst <= 1e-6
    report(delay, worst, {number: labels for number, labels in seen.items() if len(labels) == delay + 1})


def report(delay: int, worst: float, seen: dict[int, list[str]]) -> None:
    """Print the figures; `labels` are those of a candle at its own bar and at each of the `delay` bars after it."""
    settled = np.array([last_change(labels) for labels in seen.values()])
    changed = settled[settled > 0]
    wrong = sum(label != labels[-1] for labels in seen.values() for label in labels[:delay])
    print(f"\n{len(seen)} candles, each asked about at its own bar and at the {delay} bars after it; then it is final")
    print(f"final candles against the whole series: largest difference of a probability {worst:.3g}")
    print(f"candles whose label changed while provisional: {len(changed) / len(seen):.1%}")
    print(f"provisional labels that were not the final one: {wrong / (delay * len(seen)):.1%}")
    middle, late, most = np.percentile(changed, [50, 95, 100]) if len(changed) else (0, 0, 0)
    print(f"bars until the last change, where there was one: median {middle:.0f}, p95 {late:.0f}, most {most:.0f}")


def last_change(labels: list[str]) -> int:
    """After how many bars a candle had its final label for good."""
    return next((age for age in range(len(labels) - 1, 0, -1) if labels[age - 1] != labels[-1]), 0)
