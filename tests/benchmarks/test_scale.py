"""The scale benchmark at tiny sizes: every engine makes the same, and what is kept is what the table shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.scale.__main__ import main
from benchmarks.scale.made import write_project
from benchmarks.scale.results import Row, exponent, read, told
from benchmarks.scale.watching import Used
from benchmarks.scale.work import Made

MEMORY = (200_000_000, 90_000_000)


def row(series: int, engine: str, workers: int, seconds: float, model: str = "a" * 64) -> Row:
    """A run of series of 100 candles, of which training takes nine tenths."""
    stages = (
        Used("reading", seconds / 10, seconds / 20, *MEMORY),
        Used("training", 9 * seconds / 10, 9 * seconds / 20, *MEMORY),
    )
    return Row(series, 100, engine, workers, "a machine", stages, Made(12, model, "b" * 64))


def test_the_table_shows_every_stage_whether_results_agree_and_how_cost_grows() -> None:
    """Exponents are those of processor seconds of one process, over all sizes and between the last two."""
    rows = [row(1, "local", 1, 1.0), row(10, "local", 1, 10.0), row(100, "local", 1, 200.0), row(1, "dask", 2, 4.0)]
    lines = told(rows).splitlines()
    assert lines[2] == "| 1 | 100 | local 1 | reading | 0.1 | 0.1 | 1,000 | 200 MB | 90 MB |"
    assert lines[4] == "| 1 | 100 | local 1 | whole | 1.0 | 0.5 | 100 | 200 MB | 90 MB |"
    assert lines[-7] == "1 x 100: local 1, dask 2: model aaaaaaaaaaaaaaaa, predictions bbbbbbbbbbbbbbbb, 12 samples"
    assert lines[-2] == "whole: processor seconds grow with candles to the power of 1.151; at the end 1.301"
    assert lines[-1] == "10^10 candles at the rates of 10,000, in hours of one processor: training 25,000.0"
    assert exponent([1, 10, 100], [2, 20, 200]) == pytest.approx(1.0)


def test_different_results_are_told() -> None:
    """Two runs of the same series that have made different models are told so."""
    lines = told([row(1, "local", 1, 1.0), row(1, "local", 2, 1.0, "c" * 64)]).splitlines()
    assert "1 x 100: local 1, local 2: DIFFERENT RESULTS" in lines


def test_a_series_is_the_same_whatever_stands_beside_it(tmp_path: Path) -> None:
    """The files of the second series do not depend on how many there are."""
    for count in (2, 3):
        write_project(tmp_path / str(count), count, 900)
    for name in ("candles/S00001_1h.parquet", "annotations/S00001_1h.csv"):
        assert (tmp_path / "2" / "data" / name).read_bytes() == (tmp_path / "3" / "data" / name).read_bytes()
    assert len(list((tmp_path / "3" / "data" / "candles").iterdir())) == 3


@pytest.mark.slow
def test_every_engine_makes_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One process, two processes and a cluster give one model and one set of files; a run again replaces its row."""
    common = ["run", "--series=2", "--candles=10000", f"--folder={tmp_path}", f"--output={tmp_path / 'scale.json'}"]
    for arguments in (["--workers=1"], ["--workers=2"], ["--engine=dask", "--workers=2"], ["--workers=1"]):
        main([*common, *arguments])
    found = read(tmp_path / "scale.json")
    assert [(one.engine, one.workers) for one in found] == [("local", 1), ("local", 2), ("dask", 2)]
    assert len({one.made for one in found}) == 1
    stages = ["start", "reading", "features and samples", "training", "prediction"]
    assert all([used.stage for used in one.stages] == stages for one in found)
    assert all(used.private > 0 for one in found for used in one.stages)
    assert "2 x 10,000: local 1, local 2, dask 2: model " in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["scale.json"]
