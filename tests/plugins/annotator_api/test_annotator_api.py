"""What the annotator's API says becomes the data set that its exports would give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from candle_ml.candles import SeriesKey
from candle_ml.components import SourceContext
from candle_ml.config import load_config
from candle_ml.dataset import Dataset
from candle_ml.plugins import PluginManager
from candle_ml.sources import ingest
from candle_ml.testing import check_component
from candle_ml_server.candle_source import CandleSource
from candle_ml_sources.annotation_files import AnnotationFiles
from candle_ml_sources.annotator_api import AnnotatorApi
from candle_ml_sources.candle_files import CandleFiles
from candle_ml_sources.options import AnnotationFilesOptions, AnnotatorApiOptions, CandleFilesOptions

AAPL, EURUSD = SeriesKey("AAPL", "1d"), SeriesKey("EURUSD", "1h")


def options(annotator: Any, **more: object) -> AnnotatorApiOptions:
    return AnnotatorApiOptions.model_validate_json(json.dumps({"url": annotator.url, **more}))


def from_api(annotator: Any, root: Path, **more: object) -> Dataset:
    return ingest([("annotator-api", AnnotatorApi(options(annotator, **more)))], root)


def from_files(root: Path) -> Dataset:
    candles, annotations = CandleFiles(CandleFilesOptions()), AnnotationFiles(AnnotationFilesOptions())
    return ingest([("candle-files", candles), ("annotation-files", annotations)], root)


def exports(recording: Path, root: Path, *names: str) -> Path:
    """A project folder with these exports: tables of candles as candles, the others as annotations."""
    for name in names:
        folder = root / "data" / ("candles" if name.endswith(".bio.csv") else "annotations")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((recording / name).read_bytes())
    return root


def test_the_api_gives_the_data_set_of_the_three_exports(annotator: Any, recording: Path, tmp_path: Path) -> None:
    """BIO candles with the JSON and the windowed export of a chart give the same data set hash as its API."""
    files = exports(recording, tmp_path / "files", "AAPL_1d.bio.csv", "AAPL_1d.spans.json", "AAPL_1d.spans.csv")
    read = from_api(annotator, tmp_path, charts=[{"chart": 1}])
    assert read.hash == from_files(files).hash
    assert len(read.series[AAPL].annotations) == 6
    assert len(read.series[AAPL].reviewed) == 2


@pytest.mark.parametrize("form", ["json", "csv"])
def test_each_export_of_annotations_alone_gives_the_same_spans(
    annotator: Any, recording: Path, tmp_path: Path, form: str
) -> None:
    """The JSON export, or the windowed one, holds the spans of the API, whoever made them."""
    files = exports(recording, tmp_path / "files", "AAPL_1d.bio.csv", f"AAPL_1d.spans.{form}")
    read = from_api(annotator, tmp_path, charts=[{"chart": 1}])
    assert read.series[AAPL].annotations == from_files(files).series[AAPL].annotations


def test_notes_colors_points_and_missing_volume_are_the_same_too(
    annotator: Any, recording: Path, tmp_path: Path
) -> None:
    """A chart without volume, with notes, a color, a saved list of points and a line has the hash of its files."""
    files = exports(recording, tmp_path / "files", "EURUSD_1h.bio.csv", "EURUSD_1h.spans.json")
    points = (recording / "annotations-2.json").read_bytes()
    (files / "data" / "annotations" / "EURUSD_1h.points.json").write_bytes(points)
    read = from_api(annotator, tmp_path, charts=[{"chart": "EURUSD_1h"}])
    assert read.hash == from_files(files).hash
    assert read.series[EURUSD].candles.volume is None
    note = "1 drawn lines left out, because a line is no label"
    assert f"{annotator.url}/api/annotations?chartId=2: {note}" in read.notes


def test_sources_and_statuses_are_kept(annotator: Any, tmp_path: Path) -> None:
    """People's, confirmed, corrected, dismissed and programs' annotations keep label, source and confidence."""
    read = from_api(annotator, tmp_path)
    said = {item.id: (item.label, item.source, item.confidence) for item in read.series[AAPL].annotations}
    assert said == {
        "span:1": ("bull_flag", "human", 0.75),
        "span:2": ("double_bottom", "model_confirmed", None),
        "span:3": ("bear_flag", "model_corrected", None),
        "span:4": ("O", "model_corrected", None),
        "span:5": ("doji", "talib", 0.8),
        "span:6": ("wedge_down", "human", 0.0),
    }
    assert [item.id for item in read.series[EURUSD].annotations] == ["span:7", "span:8", "point:1"]


def test_labels_have_the_annotators_colors(annotator: Any, tmp_path: Path) -> None:
    """The color of a label type goes before the one of a single span, which counts where there is no type."""
    spans = [{"id": 1, "start_time": 1704326400, "end_time": 1704326400, "label": "own", "color": "red"}]
    annotator.reply("/api/span-annotations?chartId=1", json.dumps(spans).encode())
    colors = from_api(annotator, tmp_path).label_colors
    assert (colors["wedge_up"], colors["own"]) == ("#ffa726", "red")


def test_charts_are_mapped(annotator: Any, tmp_path: Path) -> None:
    """A listed chart is read under the pair and timeframe given, or its own; others only if asked for."""
    charts = [{"chart": "AAPL_1d", "pair": "APC.DE"}]
    assert set(from_api(annotator, tmp_path, charts=charts).series) == {SeriesKey("APC.DE", "1d")}
    both = from_api(annotator, tmp_path, charts=charts, others=True)
    assert set(both.series) == {SeriesKey("APC.DE", "1d"), EURUSD}


def test_an_annotator_without_series_and_ranges_is_read(annotator: Any, tmp_path: Path, reply: Any) -> None:
    """Charts without pair and timeframe are named by themselves; missing routes are no error, and one is noted."""
    annotator.reply("/api/charts", b'[{"id": 1, "name": "AAPL_1d.csv"}]')
    missing = reply(404, b"<html>", {"Content-Type": "text/html"})
    annotator.reply("/api/reviewed-ranges?chartId=1", missing)
    annotator.reply("/api/span-label-types", missing)
    read = from_api(annotator, tmp_path)
    assert set(read.series) == {AAPL}
    assert f"{annotator.url}: this annotator has no reviewed ranges" in read.notes
    assert [item.origin for item in read.series[AAPL].reviewed] == ["assumed", "assumed"]


def test_packed_answers_are_read(annotator: Any, tmp_path: Path) -> None:
    """Gzip changes nothing."""
    plain = from_api(annotator, tmp_path / "plain").hash
    annotator.packed = True
    assert from_api(annotator, tmp_path / "packed").hash == plain


def test_the_key_of_the_environment_is_sent_and_kept_nowhere(
    annotator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every request carries the key; no file, note, log or text of the options does."""
    monkeypatch.setenv("ANNOTATOR_KEY", "sesame-7")
    chosen = options(annotator, api_key_variable="ANNOTATOR_KEY")
    with caplog.at_level("DEBUG"):
        read = ingest([("annotator-api", AnnotatorApi(chosen))], tmp_path)
    assert {one.headers.get("Authorization") for one in annotator.requests} == {"Bearer sesame-7"}
    kept = [path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 10
    said = [*kept, *read.notes, caplog.text, repr(chosen), chosen.model_dump_json()]
    assert not any("sesame-7" in text for text in said)


def test_proxies_of_the_environment_are_not_used(
    annotator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that the environment names is not asked, whether it is there or not."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert len(from_api(annotator, tmp_path).series) == 2


def test_an_address_may_have_a_path(annotator: Any, tmp_path: Path, recording: Path) -> None:
    """Behind a prefix every route is asked for below it."""
    annotator.reply("/desk/api/charts", b'[{"id": 1, "name": "AAPL_1d"}]')
    annotator.reply("/desk/api/candles?chartId=1", (recording / "candles-1.json").read_bytes())
    for route in ("span-annotations?chartId=1", "annotations?chartId=1"):
        annotator.reply(f"/desk/api/{route}", b"[]")
    read = ingest([("api", AnnotatorApi(AnnotatorApiOptions(url=f"{annotator.url}/desk/")))], tmp_path)
    assert len(read.series[AAPL].candles) == 60


def test_the_source_keeps_the_contract(annotator: Any, tmp_path: Path) -> None:
    """Every check of the contract kit holds on a running annotator."""
    component = PluginManager.load().component("annotation-source", "annotator-api")
    check_component(component, options(annotator), tmp_path)


def project(annotator: Any, root: Path) -> Path:
    (root / "config").mkdir(parents=True)
    text = f"""
name: api
sources: {{use: [{{use: annotator-api, url: "{annotator.url}"}}]}}
features: {{use: [candle-shape]}}
labels: {{use: windowed}}
model: {{use: random-forest}}
"""
    (root / "config" / "pipeline.yaml").write_text(text)
    return root


def test_commands_read_the_annotator(annotator: Any, tmp_path: Path) -> None:
    """`candle-ml validate` accepts the source, and `candle-ml data report` shows its series."""
    root = project(annotator, tmp_path)
    for command, shown in ((["validate"], "valid"), (["data", "report"], "AAPL    1d         60")):
        done = subprocess.run(
            [sys.executable, "-m", "candle_ml", *command], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert shown in done.stdout


def test_the_service_reads_candles_of_the_annotator(annotator: Any, tmp_path: Path) -> None:
    """The service's own candles are those of the charts."""
    config = load_config(project(annotator, tmp_path) / "config" / "pipeline.yaml")
    candles = CandleSource(config).candles(EURUSD)
    assert len(candles) == 40
    assert np.all(np.diff(candles.time) == 3600)


SERVING = """
import sys
for package in ("pandas", "pyarrow", "mlflow", "dvc"):
    sys.modules[package] = None
from pathlib import Path
from candle_ml.components import SourceContext
from candle_ml.plugins import PluginManager
manager = PluginManager.load()
options = manager.component("annotation-source", "annotator-api").options(url=sys.argv[1])
read = manager.build("annotation-source", "annotator-api", options).read(SourceContext(Path(sys.argv[2])))
print([len(candles) for candles in read.candles], len(read.annotations))
"""


def test_a_serving_process_needs_no_data_frames(annotator: Any, tmp_path: Path) -> None:
    """The source reads everything where pandas and pyarrow are not installed."""
    command = [sys.executable, "-c", SERVING, annotator.url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.stdout == "[60, 40] 9\n", done.stderr


def test_annotations_fall_on_candles_of_their_own_chart(annotator: Any, tmp_path: Path) -> None:
    """A span that starts between candles starts with the candle around it, or is set aside where that is wanted."""
    assert from_api(annotator, tmp_path).series[EURUSD].annotations[1].start_time == 1717243200
    read = AnnotatorApi(options(annotator, unknown_time="reject")).read(SourceContext(tmp_path))
    (row,) = read.rejected
    assert row.found == "start_time 2024-06-01T12:10:00Z, when no candle of EURUSD 1h opens"
