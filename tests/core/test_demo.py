"""The demo project."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from candle_ml.candles import SeriesKey
from candle_ml.cli import main
from candle_ml.demo import DemoSummary, write_demo
from candle_ml.errors import ConfigError
from candle_ml.sources import Dataset, effective_reviewed, ingest
from candle_ml_sources.annotation_files import AnnotationFiles
from candle_ml_sources.candle_files import CandleFiles
from candle_ml_sources.options import AnnotationFilesOptions, CandleFilesOptions

PATTERNS = ("bear_flag", "bull_flag", "double_bottom")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoSummary]:
    folder = tmp_path_factory.mktemp("project") / "demo"
    return folder, write_demo(folder)


@pytest.fixture(scope="module")
def dataset(project: tuple[Path, DemoSummary]) -> Dataset:
    candles, annotations = CandleFiles(CandleFilesOptions()), AnnotationFiles(AnnotationFilesOptions())
    return ingest([("candle-files", candles), ("annotation-files", annotations)], project[0], strict=True)


def test_the_demo_holds_five_stocks(project: tuple[Path, DemoSummary], dataset: Dataset) -> None:
    """The files of the demo are read without one bad row, and hold what the summary says."""
    _, summary = project
    assert [str(key) for key in dataset.series] == ["AAPL 1d", "FB 1d", "GOOG 1d", "IBM 1d", "MSFT 1d"]
    assert summary.series == 5
    assert summary.candles == sum(len(data.candles) for data in dataset.series.values()) == 12154
    assert summary.annotations == sum(len(data.annotations) for data in dataset.series.values()) == 62
    assert dataset.rejected == ()
    assert dataset.notes == ()


def test_splits_leave_no_jump_in_the_demo(dataset: Dataset) -> None:
    """Prices are adjusted: Apple's two splits are no falls, and the last close is the traded one."""
    candles = dataset.series[SeriesKey("AAPL", "1d")].candles
    steps = candles.close[1:] / candles.close[:-1]
    assert np.count_nonzero(steps < 0.75) == 1  # the profit warning of September 2000
    assert candles.close[-1] == 430.47
    assert candles.volume is not None


def test_every_pattern_is_marked_often_enough(dataset: Dataset) -> None:
    """Each of the three patterns has 12 to 25 spans, all by people, with confidence and within reviewed ranges."""
    spans = [(data, one) for data in dataset.series.values() for one in data.annotations]
    labels = [one.label for _, one in spans]
    assert sorted(set(labels)) == list(PATTERNS)
    assert all(12 <= labels.count(label) <= 25 for label in PATTERNS)
    assert {one.source for _, one in spans} == {"human"}
    assert all(one.confidence is not None and one.confidence >= 0.5 for _, one in spans)
    assert all(
        any(part.start_time <= one.start_time and one.end_time <= part.end_time for part in data.reviewed)
        for data, one in spans
    )


def test_the_demo_says_where_somebody_looked(dataset: Dataset) -> None:
    """Every stock has explicit reviewed ranges, and some of its candles are in none."""
    for data in dataset.series.values():
        ranges = effective_reviewed(data, PATTERNS)
        seen = sum(int(np.ptp(data.candles.index_range(one.start_time, one.end_time))) + 1 for one in ranges)
        assert {one.origin for one in ranges} == {"explicit"}
        assert 0.5 < seen / len(data.candles) < 1


def test_flags_look_like_flags(dataset: Dataset) -> None:
    """The pole of every bull flag ends above its start, and of every bear flag below; the flag is the rest."""
    for data in dataset.series.values():
        for one in data.annotations:
            if one.label == "double_bottom":
                continue
            pole, flag = json.loads(one.sub_spans or "[]")
            start, top = data.candles.index_range(pole["start_time"], pole["end_time"])
            rise = data.candles.close[top] - data.candles.open[start]
            assert (rise > 0) == (one.label == "bull_flag")
            assert (pole["start_time"], flag["end_time"]) == (one.start_time, one.end_time)


def test_writing_twice_changes_nothing(project: tuple[Path, DemoSummary]) -> None:
    """A second demo in the same folder is the same."""
    folder, summary = project
    before = {name: (folder / name).read_bytes() for name in summary.files}
    assert write_demo(folder) == summary
    assert {name: (folder / name).read_bytes() for name in summary.files} == before


def test_files_with_other_content_are_not_overwritten(tmp_path: Path) -> None:
    """Where files with other content stand, all are named and nothing is written."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "pipeline.yaml").write_text("name: mine\n")
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(ConfigError) as error:
        write_demo(tmp_path)
    lines = str(error.value).splitlines()
    what = "is there already, with other content; choose another folder, or move it away"
    assert f"{tmp_path / 'config' / 'pipeline.yaml'}: {what}" in lines
    assert f"{tmp_path / 'data' / 'candles' / 'AAPL_1d.csv'}: {what}" in lines
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["config", "data", "pipeline.yaml"]
    assert (tmp_path / "config" / "pipeline.yaml").read_text() == "name: mine\n"


def test_the_package_with_the_candles_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package that has the candles the error says what to install, and nothing is written."""
    monkeypatch.setitem(sys.modules, "bokeh_sampledata", None)
    with pytest.raises(ConfigError) as error:
        write_demo(tmp_path / "demo")
    found = "demo: no package bokeh_sampledata that has the candles is installed"
    assert str(error.value) == f"{found}; pip install --upgrade 'candle-ml[demo]'"
    assert not (tmp_path / "demo").exists()


def test_the_command_says_why_training_counts_more(tmp_path: Path) -> None:
    """`init --demo` counts the annotations it has written, and says that training adds those of TA-Lib."""
    folder = tmp_path / "tour"
    assert CliRunner().invoke(main, ["init", "--demo", str(folder)]).output == (
        f"{folder}: 5 series, 12154 candles, 62 annotations\n"
        "in training TA-Lib's patterns come on top, as pipeline.yaml says: it counts more annotations\n"
        f"next: cd {folder} && candle-ml train\n"
    )
