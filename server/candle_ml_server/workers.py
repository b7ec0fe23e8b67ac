"""Prediction threads behind a bounded queue; one thread is kept for small requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from candle_ml_server.problems import BUSY, DEADLINE, ProblemError

Result = TypeVar("Result")
RETRY = {"Retry-After": "1"}
IMPORTING = threading.Lock()
"""Held while a thread imports SQLAlchemy: two that do so at once can find it half made."""
_NO_BULK_THREADS = 1
TOO_LATE = "no answer within the configured request timeout; send fewer candles or try again"


@dataclass(slots=True, eq=False)
class _Job:
    """`deadline` is a time of `time.monotonic`."""

    work: Callable[[], object]
    deadline: float
    order: int
    future: Future[object] = field(default_factory=Future)

    def run(self) -> None:
        if time.monotonic() >= self.deadline or not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.work())
        except Exception as error:
            self.future.set_exception(error)
        except BaseException as error:
            # SystemExit of a plugin would end the event loop that awaits this.
            self.future.set_exception(RuntimeError(f"{type(error).__name__} in a prediction thread"))


class WorkerPool:
    """Threads that run small and bulk work, oldest first; the first thread never takes bulk work.

    `threads` is at least two; `queue` is how many requests may wait beyond those that run. Bulk requests may fill half
    of the places, so that a crowd of them leaves room for small ones.
    """

    def __init__(self, name: str, threads: int, queue: int) -> None:
        self.threads = max(threads, _NO_BULK_THREADS + 1)
        self._places = self.threads + queue
        self._bulk_places = max(1, self._places // 2)
        self._admitted = {True: 0, False: 0}
        self._queues: dict[bool, deque[_Job]] = {True: deque(), False: deque()}
        self._changed = threading.Condition()
        self._order = 0
        self._closed = False
        for number in range(self.threads):
            takes_bulk = number >= _NO_BULK_THREADS
            # Daemons, so that a long prediction never keeps a stopped service alive.
            threading.Thread(target=self._work, args=(takes_bulk,), name=f"{name}-{number}", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Pieces of work that wait for a thread."""
        return sum(map(len, self._queues.values()))

    @contextmanager
    def admission(self, bulk: bool = False) -> Iterator[None]:
        """A place for one request. Raises `ProblemError` (503) where none is free."""
        full = sum(self._admitted.values()) >= self._places or (bulk and self._admitted[bulk] >= self._bulk_places)
        if full:
            raise ProblemError(BUSY, "every place in the queue is taken; try again in a second", headers=RETRY)
        self._admitted[bulk] += 1
        try:
            yield
        finally:
            self._admitted[bulk] -= 1

    async def run(self, work: Callable[[], Result], deadline: float, bulk: bool = False) -> Result:
        """The result of `work`, run in a thread. Raises `ProblemError` (503) at the deadline."""
        job = self._put(work, deadline, bulk)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())) as limit:
                return await asyncio.wrap_future(job.future)  # type: ignore[arg-type]
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ProblemError(DEADLINE, TOO_LATE, headers=RETRY) from error
        finally:
            self._forget(job, bulk)

    def close(self) -> None:
        """Let the threads end when the queue is empty."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _put(self, work: Callable[[], object], deadline: float, bulk: bool) -> _Job:
        with self._changed:
            self._order += 1
            job = _Job(work, deadline, self._order)
            self._queues[bulk].append(job)
            self._changed.notify_all()
        return job

    def _forget(self, job: _Job, bulk: bool) -> None:
        """Leave nothing behind of a client that went away before its turn."""
        if not job.future.running():
            with self._changed, suppress(ValueError):
                self._queues[bulk].remove(job)

    def _work(self, takes_bulk: bool) -> None:
        while (job := self._next(takes_bulk)) is not None:
            job.run()
            del job  # or an idle thread would keep the last request's arrays and its model alive

    def _next(self, takes_bulk: bool) -> _Job | None:
        with self._changed:
            while True:
                heads = [queue for bulk, queue in self._queues.items() if queue and (takes_bulk or not bulk)]
                if heads:
                    return min(heads, key=lambda queue: queue[0].order).popleft()
                if self._closed:
                    return None
                self._changed.wait()
