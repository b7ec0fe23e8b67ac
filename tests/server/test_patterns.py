"""TA-Lib's patterns over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from candle_ml.config import load_config
from candle_ml_server.schemas import DetectResponse


def test_all_61_functions_are_available(client: Any) -> None:
    """Each has its name, a name for people and its lookback."""
    found = client.get("/patterns/available").json
    assert len(found) == 61
    assert found[18] == {"function_name": "CDLENGULFING", "display_name": "Engulfing Pattern", "lookback": 2}
    assert all(list(each) == ["function_name", "display_name", "lookback"] for each in found)


def test_patterns_are_found(client: Any, rows: Any) -> None:
    """Annotations have the fields of the contract, in the order of time, and are counted."""
    found = client.post("/patterns/detect", {"candles": rows, "patterns": ["CDLENGULFING"]})
    DetectResponse.model_validate_json(found.body)
    annotations = found.json["annotations"]
    assert found.json["metadata"] == {"count": len(annotations)}
    assert {each["label"] for each in annotations} == {"bullish_engulfing", "bearish_engulfing"}
    assert list(annotations[0]) == ["start_time", "end_time", "label", "confidence", "source"]
    assert [each["end_time"] for each in annotations] == sorted(each["end_time"] for each in annotations)
    assert {each["source"] for each in annotations} == {"talib"}


def test_an_empty_list_means_all(client: Any, rows: Any) -> None:
    """`[]`, and no list at all, run every function."""
    everything = client.post("/patterns/detect", {"candles": rows, "patterns": []}).json
    assert everything["metadata"]["count"] > 100
    assert client.post("/patterns/detect", {"candles": rows}).json == everything


def test_columns_work_as_well(client: Any, rows: Any) -> None:
    """Candles by column give the same patterns."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    request = {"patterns": ["CDLHARAMI"]}
    by_column = client.post("/patterns/detect", {**request, "candles": columns}).json
    assert by_column == client.post("/patterns/detect", {**request, "candles": rows}).json


def test_unknown_functions_are_named(client: Any, rows: Any) -> None:
    """Every name that is no pattern function is listed."""
    found = client.post("/patterns/detect", {"candles": rows, "patterns": ["CDLENGULFING", "CDLNOTHING", "RSI"]})
    assert found.status == 422
    assert [each["where"] for each in found.json["errors"]] == ["patterns[1]", "patterns[2]"]
    assert found.json["errors"][0]["found"] == "'CDLNOTHING'"


def test_bad_candles_are_named(client: Any) -> None:
    """Candles are checked as for predictions."""
    bad = {"time": 1, "open": 1.5, "high": 1.0, "low": 2.0, "close": 1.5}
    found = client.post("/patterns/detect", {"candles": [bad], "patterns": []})
    assert found.status == 422
    assert "row 0" in found.json["detail"]


def test_a_disabled_plugin_is_told(start: Any, project: Any, tmp_path: Path, rows: Any) -> None:
    """Where the plugin is disabled, the routes say so and everything else works."""
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "pipeline.yaml"
    path.write_text("name: served\nplugins: {disabled: [features-talib]}\nsources: {enabled: false, use: []}\n")
    client = start(load_config(path, ()), wait=False).client
    for found in (client.get("/patterns/available"), client.post("/patterns/detect", {"candles": rows})):
        assert (found.status, found.json["type"]) == (503, "urn:candle-ml:problem:no-patterns")
        assert "talib-patterns" in found.json["detail"]
    assert client.get("/health").status == 200


WITHOUT_TALIB = """
import sys
sys.modules["talib"] = None
from pathlib import Path
from candle_ml.config import load_config
from candle_ml_server.patterns import Patterns
from candle_ml_server.problems import ProblemError
try:
    Patterns(load_config(Path("config/pipeline.yaml"), ()), 100).available()
except ProblemError as error:
    print(error.kind.slug, error.detail)
"""


def test_talib_that_is_missing_is_told(project: Any) -> None:
    """Where TA-Lib is not installed, the problem says how to install it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TALIB],
        cwd=project.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == "no-patterns TA-Lib is not installed: pip install 'candle-ml[features-talib]'\n"
