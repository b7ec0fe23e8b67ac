"""The trainer `xgboost-dask` on a real cluster of two processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from pydantic import ValidationError

from candle_ml.components import FitContext, Progress, no_progress
from candle_ml.errors import DataError
from candle_ml.testing.examples import ArrayMatrix
from candle_ml_models_tree.options import XgboostDaskOptions, XgboostOptions
from candle_ml_models_tree.xgboost_dask import XgboostDaskTrainer
from candle_ml_models_tree.xgboost_model import XgboostModel, XgboostTrainer

CLASSES = ("O", "flag", "wedge")
Opened = Callable[[], AbstractContextManager[Client]]


def samples(count: int, seed: int) -> ArrayMatrix:
    """Three classes of samples; one column is constant, some have few values, weights differ."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((count, 30)).astype(np.float32)
    values[:, :10] = np.round(values[:, :10])
    values[:, 10] = 3.0
    codes = np.where(values[:, 1] + values[:, 20] * values[:, 21] > 1, 1, 2 * (values[:, 5] - values[:, 29] > 2))
    weights = random.uniform(0.5, 1.5, count).astype(np.float32)
    return ArrayMatrix(values, codes.astype(np.int32), weights, tuple(f"column_{number}" for number in range(30)))


@contextmanager
def client_of(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster.scheduler_address) as client:
        yield client


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    """What opens a client of a cluster of two worker processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield partial(client_of, cluster)


def fitted(opened: Opened | None, progress: Progress = no_progress, **options: object) -> XgboostModel:
    trainer = XgboostDaskTrainer(XgboostDaskOptions.model_validate({"rounds": 40} | options))
    context = FitContext(CLASSES, seed=7, progress=progress, cluster=opened)
    return trainer.fit(samples(3001, 1), samples(600, 2), context)


def content(model: XgboostModel, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    model.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_cluster_gives_the_model_of_one_machine(opened: Opened, tmp_path: Path) -> None:
    """Two workers, of which each has half of the samples, write the bytes of one process, and of two threads."""
    told: list[int] = []
    together = fitted(opened, lambda what, done, total: told.append(done), learning_rate=0.5, early_stopping_rounds=3)
    alone = fitted(None, learning_rate=0.5, early_stopping_rounds=3)
    threads = fitted(None, learning_rate=0.5, early_stopping_rounds=3, threads=2)
    expected = content(alone, tmp_path / "alone")
    assert content(together, tmp_path / "together") == content(threads, tmp_path / "threads") == expected
    assert told == sorted(told)
    assert 5 < len(told) < 40


def test_rounded_slopes_cost_nothing() -> None:
    """On samples of equal weight, where `xgboost` too starts from equal shares, it gives the same to 1e-5."""
    train, watched, asked = (samples(count, seed) for seed, count in enumerate((3001, 600, 500)))
    train.weights[:] = watched.weights[:] = 1.0
    context = FitContext(CLASSES, seed=7)
    plain = XgboostTrainer(XgboostOptions(rounds=40, subsample=1.0)).fit(train, watched, context)
    rounded = XgboostDaskTrainer(XgboostDaskOptions(rounds=40)).fit(train, watched, context)
    np.testing.assert_allclose(rounded.predict_proba(asked), plain.predict_proba(asked), atol=1e-5)


def test_a_worker_that_dies_in_the_middle_changes_nothing(opened: Opened, tmp_path: Path) -> None:
    """The others begin again, and the model is that of one machine."""
    killed: list[int] = []

    def deadly(what: str, done: int, total: int) -> None:
        if done == 5 and not killed:
            killed.append(pids.pop())
            os.kill(killed[0], signal.SIGKILL)

    with opened() as client:
        pids = list(client.run(os.getpid).values())
    together = fitted(opened, deadly, rounds=200, early_stopping_rounds=None)
    assert killed
    alone = fitted(None, rounds=200, early_stopping_rounds=None)
    assert content(together, tmp_path / "together") == content(alone, tmp_path / "alone")


def test_what_one_worker_refuses_is_told(opened: Opened) -> None:
    """A value that is not finite, in the second half of the samples, is named as it is by `xgboost`."""
    bad = samples(1000, 1)
    bad.values[900, 4] = np.nan
    trainer = XgboostDaskTrainer(XgboostDaskOptions(rounds=2))
    with pytest.raises(DataError) as caught:
        trainer.fit(bad, None, FitContext(CLASSES, seed=7, cluster=opened))
    assert str(caught.value) == "feature 'column_4': 1 of 1000 values are NaN or infinite; finite features"


def test_workers_do_not_draw_samples_of_their_own() -> None:
    """`subsample` below 1 is refused, as each worker would draw from its own part."""
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        XgboostDaskOptions(subsample=0.8)
