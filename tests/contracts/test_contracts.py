"""Every component that is installed keeps every promise that the core relies on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from candle_ml.components import Component, Options
from candle_ml.plugins import PluginManager
from candle_ml.testing import contract_checks, example_annotations, example_series

MANAGER = PluginManager.load()
NEEDS_A_SERVER = {"annotator-api"}
"""Components that tests of their own run through the checks, beside what they talk to."""
FASTER = {"random-forest": {"trees": 20}, "xgboost": {"rounds": 20}}
OTHER_OPTIONS = {
    "windowed": (
        {"anchor": "center"},
        {"window": 12, "scales": [6, 12, 30], "fit": "stretch"},
        {"competition": "per_label", "competition_iou": 0.3, "negatives": {"clear": "window", "ratio": 1.0}},
        {"anchor": "center", "scales": [10, 40], "fit": "stretch"},
        {
            "scales": [6, 12, 24],
            "fit": "stretch",
            "positives": {"windows": "overlapping"},
            "negatives": {"clear": "overlap"},
            "smoothing": 2,
        },
        {"scales": "auto", "smoothing": "auto", "fit": "stretch"},
    ),
    "talib-indicators": (
        {"indicators": [{"function": "OBV", "difference": True}, {"function": "MFI"}]},
        {"indicators": [{"function": "EMA", "scale": "close"}, {"function": "MACD", "scale": "none"}]},
    ),
    "candle-shape": ({"scale": "none"},),
    "window-shape": ({"prices": [], "context": 1}, {"points": 3, "swing": 0.5}),
    "window-kernels": ({"points": 9, "dilations": [2, 1, 2], "biases": 1},),
    "talib-cdl": ({"functions": ["CDLDOJI", "CDLHAMMER"]},),
    "talib-patterns": ({"minimum_strength": 1.0}, {"merge": "skip_overlapping"}),
    "random-features": ({"features": 40, "class_weight": "balanced", "penalty": 1.0, "directions": 5},),
    "random-forest": ({"trees": 5, "class_weight": "none", "max_features": 0.9, "max_depth": 3},),
    "xgboost": ({"rounds": 5, "early_stopping_rounds": None, "threads": 2},),
}


def cases() -> list[object]:
    """Every component with its defaults, and with other options where these change what it does."""
    named = []
    for offer in MANAGER.offers:
        component = offer.component
        if component.name in NEEDS_A_SERVER:
            continue
        for number, options in enumerate((FASTER.get(component.name, {}), *OTHER_OPTIONS.get(component.name, ()))):
            named.append(pytest.param(component, options, id=f"{component.name}-{number}"))
    return named


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with the example series and the annotations of one of them as files."""
    root = tmp_path_factory.mktemp("project")
    (root / "data" / "candles").mkdir(parents=True)
    (root / "data" / "annotations").mkdir()
    for candles in example_series(300):
        columns = {name: getattr(candles, name) for name in ("time", "open", "high", "low", "close", "volume")}
        known = {name: column.tolist() for name, column in columns.items() if column is not None}
        with (root / "data" / "candles" / f"{candles.key.pair}_{candles.key.timeframe}.csv").open("w") as file:
            csv.writer(file).writerows([known.keys(), *zip(*known.values(), strict=True)])
    annotated = example_series(300)[0]
    rows = [
        {"id": number, "start_time": item.start_time, "end_time": item.end_time, "label": item.label}
        for number, item in enumerate(example_annotations(annotated)[0])
    ]
    name = f"{annotated.key.pair}_{annotated.key.timeframe}.json"
    (root / "data" / "annotations" / name).write_text(json.dumps({"annotations": rows}), "utf-8")
    return root


@pytest.mark.figure("shipped components and options that keep every promise")
@pytest.mark.parametrize(("component", "options"), cases())
def test_a_component_keeps_its_promises(component: Component, options: dict[str, object], project: Path) -> None:
    """No check of the contract kit finds a broken promise."""
    chosen: Options = component.options.model_validate_json(json.dumps(options))
    broken = []
    for check in contract_checks(component, chosen, project):
        try:
            check.run()
        except Exception as error:
            broken.append(str(error))
    assert not broken, "\n".join(broken)
