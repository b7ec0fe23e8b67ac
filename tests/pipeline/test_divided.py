"""One result however the work is divided and the features are kept; a training that was killed goes on."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from distributed import LocalCluster
from threadpoolctl import threadpool_limits

from candle_ml.bundle import file_digest
from candle_ml.cli import main
from candle_ml.cli.common import human
from candle_ml.config import PipelineConfig, load_config
from candle_ml.errors import CandleMLWarning
from candle_ml.overflow import unused_partitions
from candle_ml.partitions import read_features
from candle_ml.pipeline import run
from candle_ml.reading import read_dataset
from candle_ml.training import Prepared, prepare

from ..small_project import PIPELINE, last_candles, write_project

FOLDS = """calibration: {folds: 2}
tracking: {enabled: false}
"""
SPLIT = "split: {method: walk_forward, folds: 2, train: 0.7, calibration: 0, validation: 0.1, leakage_gap: false}"
SAME = ("model", "calibrator.json", "golden.npz", "out_of_fold.npz")
KILLED = """
import os, signal
from pathlib import Path
from candle_ml import partitions
from candle_ml.config import load_config
from candle_ml.partitions import read_features
from candle_ml.pipeline import run
write, written = partitions.{step}, []
def deadly(*arguments):
    written.append(1)
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)
partitions.{step} = deadly
run(load_config(Path("{path}"), ("execution.memory=0",)), until="train")
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of three series, with folds of both kinds."""
    folder = tmp_path_factory.mktemp("divided")
    candles = last_candles(folder / "demo", 500)
    pipeline = PIPELINE.replace("split: {leakage_gap: false}", SPLIT) + FOLDS
    project = write_project(folder / "project", candles, pipeline)
    for name in ("MSFT", "IBM"):
        lines = (folder / "demo" / "data" / "candles" / f"{name}_1d.csv").read_text("utf-8").splitlines()
        (project / "data" / "candles" / f"{name}_1d.csv").write_text("\n".join([lines[0], *lines[-450:]]), "utf-8")
    return project


def configured(root: Path, *overrides: str) -> PipelineConfig:
    return load_config(root / "config" / "pipeline.yaml", overrides)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started.scheduler_address


def made(root: Path, *overrides: str) -> tuple[dict[str, str], dict[str, float]]:
    """The digests of what a training computes, and its scores."""
    result = run(configured(root, *overrides), until="evaluate")
    bundle = result.folder / "bundle"
    every = (path for path in sorted(bundle.rglob("*")) if path.is_file())
    digests = {path.relative_to(bundle).as_posix(): file_digest(path) for path in every}
    assert all(any(name.startswith(same) for name in digests) for same in SAME), digests
    return {name: value for name, value in digests.items() if name.startswith(SAME)}, result.measured.metrics()


@pytest.fixture(scope="module")
def alone(root: Path) -> tuple[dict[str, str], dict[str, float]]:
    """What one process makes, with everything in memory."""
    return made(root)


def test_partitions_give_the_same_model_and_scores(root: Path, alone: object) -> None:
    """Features that are kept as files change no bit of model, calibrator, golden rows and out-of-fold predictions."""
    assert made(root, "execution.memory=0") == alone


@pytest.mark.slow
def test_two_processes_give_the_same_model_and_scores(root: Path, alone: object) -> None:
    """Two processes change no bit, in memory and with partitions."""
    assert made(root, "execution.workers=2") == alone
    assert made(root, "execution.workers=2", "execution.memory=0") == alone


@pytest.mark.slow
def test_a_model_of_sums_is_the_same_anywhere(root: Path) -> None:
    """Linear algebra, whose sums depend on the number of threads, gives one model in processes and on one core."""
    model = "model={use: random-features, features: 300}"
    found = made(root, model)
    assert made(root, model, "execution.workers=2") == found
    with threadpool_limits(1, user_api="blas"):
        assert made(root, model) == found


@pytest.mark.slow
def test_a_cluster_gives_the_same_model_and_scores(root: Path, alone: object, cluster: str) -> None:
    """A real Dask cluster of two workers changes no bit."""
    assert made(root, "execution.engine=dask", f"execution.scheduler={cluster}", "execution.memory=0") == alone


@pytest.mark.slow
@pytest.mark.parametrize("model", ["{use: xgboost-dask, rounds: 20}", "{use: random-forest, trees: 20}"])
def test_workers_that_fit_together_give_the_same_model_and_scores(root: Path, cluster: str, model: str) -> None:
    """Trees that two workers grow, of samples that are divided over them or not, are those of one machine."""
    model = f"model={model}"
    on_cluster = made(root, model, "execution.engine=dask", f"execution.scheduler={cluster}", "execution.memory=0")
    assert on_cluster == made(root, model)


def prepared(root: Path, *overrides: str) -> Prepared:
    config = configured(root, "execution.memory=0", *overrides)
    return prepare(read_dataset(config), config)


def partitions(root: Path) -> dict[str, int]:
    """Every finished partition, and when it was written."""
    folder = root / ".candle-ml" / "partitions"
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


def test_partitions_hold_what_memory_holds(root: Path) -> None:
    """Matrices and samples that are read from files equal those that are computed, to the bit."""
    ours, theirs = prepared(root), prepared(root, "execution.memory=4096")
    assert list(ours.features) == list(theirs.features)
    for key, features in theirs.features.items():
        np.testing.assert_array_equal(ours.features[key].matrix.view(np.uint32), features.matrix.view(np.uint32))
    for name in ("first", "last", "codes", "weight", "annotation", "known_at", "span_length", "series_code"):
        np.testing.assert_array_equal(getattr(ours.samples, name), getattr(theirs.samples, name))
    assert (ours.samples.annotation_ids, ours.left_out) == (theirs.samples.annotation_ids, theirs.left_out)


def test_only_what_has_changed_is_made_again(root: Path) -> None:
    """Other labels leave the features, other features leave the samples, and other candles leave the other series."""
    prepared(root)
    before = partitions(root)
    prepared(root, "labels.window=7")
    assert {name.split("/")[0] for name in partitions(root).keys() - before} == {"samples"}
    before = partitions(root)
    prepared(root, "features.use.1=talib-cdl")
    added = partitions(root).keys() - before
    assert {name.split("/")[0] for name in added} == {"features"}
    path = root / "data" / "candles" / "IBM_1d.csv"
    whole = path.read_text("utf-8")
    path.write_text("\n".join(whole.splitlines()[:-5]), "utf-8")
    before = partitions(root)
    prepared(root)
    path.write_text(whole, "utf-8")
    after = partitions(root)
    assert {name.split("/")[1].split(".")[0] for name in after.keys() - before} == {"IBM_1d"}
    assert {name: after[name] for name in before} == before


def test_partitions_that_nothing_uses_any_more_can_be_removed(root: Path, alone: object) -> None:
    """What was read or asked for since is left, and what has gone is made again when it is needed."""

    def pruned(*words: str) -> str:
        config = str(root / "config" / "pipeline.yaml")
        return CliRunner().invoke(main, ["runs", "prune", "-c", config, *words]).output

    prepared(root, "labels.window=5")
    folder = root / ".candle-ml" / "partitions"
    long_ago = time.time() - 40 * 86_400
    for path in folder.rglob("*.parquet"):
        os.utime(path, (long_ago, path.stat().st_mtime))
    before = partitions(root)
    prepared(root, "labels.window=5")
    unused = unused_partitions(root, timedelta(days=30))
    assert len(before) - len(unused) == 6
    assert unused == {path: path.stat().st_size for path in unused}
    told = f"{human(sum(unused.values()))} of {len(unused)} partitions\n"
    assert pruned("--older-than", "30d", "--dry-run") == f"would free {told}"
    assert json.loads(pruned("--older-than", "30d", "--dry-run", "--json"))["partitions"] == sum(unused.values())
    assert pruned("--older-than", "30d", "--keep", "9") == f"freed {told}"
    assert pruned("--older-than", "30d") == "nothing to prune\n"
    assert len(partitions(root)) == 6
    assert partitions(root).items() <= before.items()
    prepared(root)
    assert len(partitions(root)) == 9


def test_a_dry_run_tells_what_there_is_to_do(root: Path) -> None:
    """Series, candles, partitions, memory and disk are told, and nothing is made."""

    def shown(*overrides: str) -> str:
        arguments = ["train", "--dry-run", "-c", str(root / "config" / "pipeline.yaml")]
        return CliRunner().invoke(main, [*arguments, *(f"--set={one}" for one in overrides)]).output

    before = partitions(root)
    assert shown() == (
        "features: 3 series, 1400 candles, 8 columns, 44.8 kB: held in memory\n"
        "memory: about 250.1 MB before a model is fitted\n"
        "training matrix: 192 bytes a sample\n"
    )
    first, *_ = shown("execution.memory=0", "labels.window=9").splitlines()
    assert first.endswith(": kept as partitions, 3 of 3 to make, at most 56.0 kB on disk")
    assert partitions(root) == before
    prepared(root, "labels.window=9")
    assert ": kept as partitions, 0 of 3 to make, at most 0 bytes on disk\n" in shown(
        "execution.memory=0", "labels.window=9"
    )


def changed_silently(content: bytes, chunk: pq.ColumnChunkMetaData) -> bytes:
    """The file with one changed bit in this column, of which a reader that proves nothing reads another table."""
    good = pq.read_table(io.BytesIO(content))
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    for place in reversed(range(start, start + chunk.total_compressed_size)):
        changed = bytearray(content)
        changed[place] ^= 4
        with suppress(OSError, pa.ArrowException):
            found = pq.read_table(io.BytesIO(changed))
            if found.num_rows == good.num_rows and not found.equals(good):
                return bytes(changed)
    raise AssertionError("every change is noticed")


def newest(root: Path, kind: str) -> Path:
    folder = root / ".candle-ml" / "partitions" / kind
    return max(folder.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)


@pytest.mark.parametrize("damage", ["changed", "cut", "empty"])
@pytest.mark.parametrize("kind", ["features", "samples"])
def test_a_damaged_partition_is_made_again(root: Path, kind: str, damage: str) -> None:
    """A partition that is not as it was written is told in one line, and made again as it was."""
    other = {"features": "features.use.1=talib-cdl", "samples": "labels.window=8"}[kind]
    prepared(root, other)
    path = newest(root, kind)
    content = path.read_bytes()
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(3)
    path.write_bytes({"changed": changed_silently(content, chunk), "cut": content[:-9], "empty": b""}[damage])
    read_features.cache_clear()
    with warnings.catch_warnings(record=True, action="always", category=CandleMLWarning) as told:
        for features in prepared(root, other).features.values():
            assert len(features.matrix) == len(features.candles)
    assert [str(one.message) for one in told] == [f"{path}: not a partition as it was written; it is made again"]
    assert path.read_bytes() == content


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write_features", "write_encoded"])
def test_a_killed_training_goes_on_where_it_was(root: Path, tmp_path: Path, step: str) -> None:
    """What a killed process has finished is not made again, and the model is that of a run that nothing has killed."""
    project = write_project(tmp_path / "project", "", (root / "config" / "pipeline.yaml").read_text("utf-8"))
    for path in (root / "data" / "candles").iterdir():
        (project / "data" / "candles" / path.name).write_bytes(path.read_bytes())
    path = project / "config" / "pipeline.yaml"
    died = subprocess.run([sys.executable, "-c", KILLED.format(step=step, path=path)], check=False)
    assert died.returncode == -signal.SIGKILL
    before = partitions(project)
    assert len(before) == {"write_features": 2, "write_encoded": 3}[step]
    result = run(configured(project, "execution.memory=0"), until="train")
    after = partitions(project)
    assert len(after) == 6
    assert {name: after[name] for name in before} == before
    assert result.model_hash == run(configured(root), until="train").model_hash
