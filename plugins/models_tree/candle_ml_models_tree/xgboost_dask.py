"""The trainer `xgboost-dask`: the trees of `xgboost`, boosted by the workers of a Dask cluster together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import xgboost
from numpy.typing import NDArray

from candle_ml.components import FitContext, Progress, SampleMatrix, no_progress
from candle_ml.errors import ExecutionError
from candle_ml_models_tree.options import XgboostDaskOptions
from candle_ml_models_tree.xgboost_boosting import Boosting
from candle_ml_models_tree.xgboost_model import XgboostTrainer

if TYPE_CHECKING:
    from distributed import Client, Future

_MOST_LOSSES = 3
_SECONDS_BETWEEN_LOOKS = 2
_SECONDS_TO_RETURN = 30
_TOPIC = "candle-ml rounds"


class XgboostDaskTrainer(XgboostTrainer):
    """Every worker sums the histograms of its own samples; none holds the samples of all.

    Slopes are rounded, so that their sums are exact, and one worker cuts the columns into bins: it reads all samples
    once and keeps one byte a value. So the model is the same bits on any number of workers, and on one machine without
    a cluster, as in work that is a part already; `xgboost` rounds nothing, and starts from the classes' shares instead
    of equal ones. Where a worker is lost the others begin again.
    """

    def __init__(self, options: XgboostDaskOptions) -> None:
        super().__init__(options)

    def _boosted(self, train: SampleMatrix, watched: SampleMatrix | None, context: FitContext) -> bytes:
        boosting = Boosting.of(self._options, train, context).exact(train)
        if context.cluster is None:
            return boosting.booster(boosting.quantised(train), watched, context.progress)
        with context.cluster() as client, _rounds_told(client, context.progress, self._options.rounds):
            for _ in range(_MOST_LOSSES + 1):
                with suppress(_WorkerLostError, TimeoutError):
                    client.wait_for_workers(1, timeout=_SECONDS_TO_RETURN)
                    return _boosted_together(client, boosting, train, watched)
        found = f"boosting lost a worker {_MOST_LOSSES + 1} times"
        raise ExecutionError.at("execution", found, "more memory for each worker, or more workers")


class _WorkerLostError(Exception):
    """A worker has left the cluster; what was boosted with it is void."""


def _boosted_together(client: Client, boosting: Boosting, train: SampleMatrix, watched: SampleMatrix | None) -> bytes:
    workers = _addresses(client)[: train.shape[0]]
    values = _found(client, workers, [client.submit(_cut_values, boosting, train, workers=workers, pure=False)])[0]
    places = np.linspace(0, train.shape[0], len(workers) + 1).astype(int).tolist()
    arguments = _tracker(client, len(workers))
    boost = partial(_boosted_part, boosting, watched, values)
    futures = [
        client.submit(
            boost, train.take(slice(*rows)), {**arguments, "dmlc_task_id": worker}, workers=[worker], pure=False
        )
        for worker, rows in zip(workers, pairwise(places), strict=True)
    ]
    content: bytes = _found(client, workers, futures)[0]
    return content


def _found(client: Client, workers: Sequence[str], futures: Sequence[Future]) -> list[Any]:
    """The results of all futures, or the error of one. Raises `_WorkerLostError` where one of the workers is gone."""
    from distributed import wait
    from distributed.scheduler import KilledWorker

    while _all_there(client, workers):
        with suppress(TimeoutError):
            wait(futures, timeout=_SECONDS_BETWEEN_LOOKS)
        states = {future.status for future in futures}
        if "pending" in states and "error" not in states:
            continue
        if _all_there(client, workers):
            with suppress(KilledWorker):
                return [future.result() for future in futures]
    client.cancel(futures, force=True)
    raise _WorkerLostError


def _all_there(client: Client, workers: Sequence[str]) -> bool:
    return set(workers) <= set(_addresses(client))


def _addresses(client: Client) -> list[str]:
    return sorted(client.scheduler_info(n_workers=-1)["workers"])


def _cut_values(boosting: Boosting, matrix: SampleMatrix) -> NDArray[np.float32]:
    """Few rows whose quantiles cut the columns where those of the whole matrix do: `(at most max_bin, columns)`.

    They are the least value of a column and its cuts but the last, above which there is nothing.
    """
    starts, values = boosting.quantised(matrix).get_quantile_cut()
    rows = np.empty((int(np.diff(starts).max()) - 1, len(starts) - 1), dtype=np.float32)
    for column, (start, stop) in enumerate((start, stop - 1) for start, stop in pairwise(starts.tolist())):
        rows[: stop - start, column] = values[start:stop]
        rows[stop - start :, column] = values[start]
    return rows


def _boosted_part(
    boosting: Boosting,
    watched: SampleMatrix | None,
    values: NDArray[np.float32],
    part: SampleMatrix,
    arguments: dict[str, Any],
) -> bytes:
    """Boost with the other workers, on this worker's samples; the booster of all, the same on each."""
    reference = xgboost.QuantileDMatrix(values, max_bin=boosting.options.max_bin, nthread=boosting.options.threads)
    data = boosting.quantised(part, reference)
    with xgboost.config_context(verbosity=0), xgboost.collective.CommunicatorContext(**arguments):
        return boosting.booster(data, watched, _told if xgboost.collective.get_rank() == 0 else no_progress)


def _told(what: str, done: int, total: int) -> None:
    from distributed import get_worker

    get_worker().log_event(_TOPIC, done)


@contextmanager
def _rounds_told(client: Client, progress: Progress, rounds: int) -> Iterator[None]:
    """Passes on what the first worker tells of its rounds."""
    client.subscribe_topic(_TOPIC, lambda event: progress("rounds", event[1], rounds))
    try:
        yield
    finally:
        client.unsubscribe_topic(_TOPIC)


def _tracker(client: Client, workers: int) -> dict[str, Any]:
    """What each worker needs to find the others, through a tracker in this process that ends after them."""
    from distributed.utils import get_ip
    from xgboost.tracker import RabitTracker

    tracker = RabitTracker(workers, get_ip(urlsplit(client.scheduler_info()["address"]).hostname), sortby="task")
    tracker.start()
    Thread(target=tracker.wait_for, daemon=True).start()
    return dict(tracker.worker_args())
