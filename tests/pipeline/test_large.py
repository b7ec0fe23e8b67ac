"""What keeps memory small where there are many candles, and changes no result."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from candle_ml.config import PipelineConfig, load_config
from candle_ml.dataset import Dataset
from candle_ml.held_back import series_case, until
from candle_ml.pipeline import RunResult, run
from candle_ml.reading import read_dataset

from ..small_project import last_candles, write_project


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[PipelineConfig, RunResult]:
    """A small project with indicators, which never forget entirely."""
    folder = tmp_path_factory.mktemp("large")
    root = write_project(folder / "project", last_candles(folder / "demo", 2000))
    config = load_config(
        root / "config" / "pipeline.yaml", ["tracking.enabled=false", "features.use.0=talib-indicators"]
    )
    return config, run(config, until="evaluate")


def is_mapped(column: NDArray[np.generic]) -> bool:
    return isinstance(column.base.obj if isinstance(column.base, memoryview) else column.base, mmap.mmap)


def columns(dataset: Dataset) -> list[NDArray[np.generic]]:
    every = (data.candles for data in dataset.series.values())
    return [column for one in every for column in (one.time, one.open, one.high, one.low, one.close, one.volume)]


def test_candles_beyond_the_limit_are_read_from_files(trained: tuple[PipelineConfig, RunResult]) -> None:
    """With no memory for them, every column is part of a file, and the data set is the same."""
    config, result = trained
    assert not any(map(is_mapped, columns(result.dataset)))
    dataset = read_dataset(load_config(config.root / "config" / "pipeline.yaml", ["execution.memory=0"]))
    assert all(map(is_mapped, columns(dataset)))
    assert dataset.hash == result.dataset.hash
    assert list((config.root / ".candle-ml" / "partitions").iterdir()) == []


def test_a_block_is_predicted_as_the_whole_series_is(trained: tuple[PipelineConfig, RunResult]) -> None:
    """The candles long before a block are not predicted, and what is said of the block does not change."""
    _, result = trained
    assert result.trained is not None
    predictor, prepared = result.trained.predictor, result.trained.prepared
    block = prepared.split.block("test")
    assert block is not None
    (data,) = prepared.dataset.series.values()
    case = series_case(predictor, predictor.classes[1:], block, data)
    assert case is not None
    whole = predictor.predict(until(data.candles, block)).since(block.start)
    near = case.prediction.since(block.start)
    assert len(case.prediction) < len(until(data.candles, block)) - 200
    np.testing.assert_array_equal(near.time, whole.time)
    np.testing.assert_allclose(near.probabilities, whole.probabilities, rtol=0, atol=1e-9)
    assert len(near.spans) == len(whole.spans) > 10
    assert [span._replace(confidence=0) for span in near.spans] == [span._replace(confidence=0) for span in whole.spans]


@pytest.mark.parametrize("folds", ["false", "true"])
def test_more_predictions_than_a_bundle_holds_are_left_out(
    trained: tuple[PipelineConfig, RunResult], monkeypatch: pytest.MonkeyPatch, folds: str
) -> None:
    """The training goes on without them and says so."""
    for module in ("walk_forward", "inference.out_of_fold"):
        monkeypatch.setattr(f"candle_ml.{module}.LARGEST_FILE", 1000)
    config, _ = trained
    path = config.root / "config" / "pipeline.yaml"
    result = run(load_config(path, ["tracking.enabled=false", f"evaluation.out_of_fold={folds}"]), until="evaluate")
    assert "out-of-fold predictions are left out: a bundle holds at most 268 MB of them" in result.notes
    assert not (Path(result.folder) / "bundle" / "out_of_fold.npz").exists()
