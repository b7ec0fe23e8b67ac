"""Dividing work: a function over items, in this process, in processes of this machine or on a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from candle_ml.cluster import cluster
from candle_ml.components import Progress, no_progress
from candle_ml.config import PipelineConfig
from candle_ml.config.models import ExecutionSection
from candle_ml.errors import CandleMLError, ExecutionError

if TYPE_CHECKING:
    from distributed import Future

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_LOSSES = 3
"""Worker processes in a row that may die before the item that they had in hand is given up."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Item, Result]):
    """An item, and what the function made of it."""

    item: Item
    result: Result


@dataclass(frozen=True, slots=True)
class Failed(Generic[Item]):
    """An item that the function refused, or that its workers died of."""

    item: Item
    error: CandleMLError


Outcome: TypeAlias = Done[Item, Result] | Failed[Item]


def outcomes(
    config: PipelineConfig,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    what: str,
    progress: Progress = no_progress,
) -> Iterator[Outcome[Item, Result]]:
    """What became of each item, in their order, by the engine and the workers that `execution` names.

    A `CandleMLError` stays with its item; any other exception ends the work at once. An item whose worker has died is
    done again. Function, items and results must be picklable. Raises as `cluster` does.
    """
    progress(what, 0, len(items))
    for done, (item, found) in enumerate(zip(items, _returned(config, function, items), strict=True), 1):
        progress(what, done, len(items))
        yield Failed(item, found) if isinstance(found, CandleMLError) else Done(item, found)


def results(
    config: PipelineConfig,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    what: str,
    progress: Progress = no_progress,
) -> list[Result]:
    """What the function makes of items of which none may fail, in their order.

    Raises, once every item was tried, one error with the problems of all that failed; else as `outcomes` does.
    """
    found = list(outcomes(config, function, items, what, progress))
    failed = [one.error for one in found if isinstance(one, Failed)]
    if failed:
        problems = dict.fromkeys(problem for error in failed for problem in error.problems)
        raise type(failed[0])(*problems) from failed[0]
    return [one.result for one in found if isinstance(one, Done)]


def undivided(config: PipelineConfig) -> PipelineConfig:
    """The same configuration for work that is a part already: nothing of it is divided again."""
    return replace(config, execution=ExecutionSection())


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra in one thread: the bits of its sums depend on their number, which differs between machines."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def _returned(
    config: PipelineConfig, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[Result | CandleMLError]:
    execution = config.execution
    if execution.engine == "dask":
        return _on_cluster(config, function, items)
    if min(execution.workers, len(items)) > 1:
        return _in_processes(execution.workers, function, items)
    return (_attempt(function, item) for item in items)


def _attempt(function: Callable[[Item], Result], item: Item) -> Result | CandleMLError:
    try:
        return function(item)
    except CandleMLError as error:
        return error


def _in_processes(
    workers: int, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[Result | CandleMLError]:
    """Through joblib's processes; where one has died, everything that was not yet returned is begun again.

    An item that stands first whenever workers die is tried alone once more, and then given up.
    """
    from joblib import Parallel, delayed
    from joblib.externals.loky import BrokenProcessPool

    done = losses = 0
    while done < len(items):
        some = items[done:] if losses < _MOST_LOSSES else items[done : done + 1]
        pool = Parallel(n_jobs=workers, backend="loky", return_as="generator")
        try:
            for found in pool(delayed(_attempt)(function, item) for item in some):
                done, losses = done + 1, 0
                yield found
        except BrokenProcessPool:
            losses += 1
        if losses > _MOST_LOSSES:
            done, losses = done + 1, 0
            yield _died(_MOST_LOSSES + 1)


def _on_cluster(
    config: PipelineConfig, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[Result | CandleMLError]:
    """As futures of the cluster, twice as many at a time as it has threads.

    joblib's own Dask backend waits for ever for an item that killed its workers.
    """
    with cluster(config) as client:
        submitted: Iterable[Future] = (client.submit(_attempt, function, item, pure=False) for item in items)
        ahead = deque(islice(submitted, 2 * sum(client.ncores().values())))
        while ahead:
            yield _of_future(ahead.popleft())
            ahead.extend(islice(submitted, 1))


def _of_future(future: Future) -> Any:
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        return _died(error.allowed_failures + 1)


def _died(times: int) -> ExecutionError:
    expected = "more memory for each worker, or fewer workers"
    return ExecutionError.at("execution", f"{times} workers died of it", expected)
