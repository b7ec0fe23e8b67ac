"""The prediction threads: order, bounds, deadlines, and small work beside bulk work."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from candle_ml_server.problems import ProblemError
from candle_ml_server.workers import WorkerPool


def with_pool(test: Callable[[WorkerPool], Awaitable[None]], threads: int = 2, queue: int = 4) -> None:
    pool = WorkerPool("test", threads, queue)
    try:
        asyncio.run(test(pool))  # type: ignore[arg-type]
    finally:
        pool.close()


def soon() -> float:
    return time.monotonic() + 20


def test_work_runs_in_a_thread_and_its_result_comes_back() -> None:
    """The event loop's own thread does not compute."""

    async def test(pool: WorkerPool) -> None:
        name = await pool.run(lambda: threading.current_thread().name, soon())
        assert name.startswith("test-")

    with_pool(test)


def test_an_error_of_the_work_is_raised() -> None:
    """The one who asked gets it."""

    def fail() -> None:
        raise ValueError("wrong")

    async def test(pool: WorkerPool) -> None:
        with pytest.raises(ValueError, match="wrong"):
            await pool.run(fail, soon())

    with_pool(test)


def test_work_that_exits_ends_neither_thread_nor_loop() -> None:
    """A plugin that calls sys.exit fails like any other."""

    def leave() -> None:
        raise SystemExit(3)

    async def test(pool: WorkerPool) -> None:
        for _ in range(5):
            with pytest.raises(RuntimeError, match="SystemExit in a prediction thread"):
                await pool.run(leave, soon())
        assert await pool.run(lambda: 1, soon()) == 1

    with_pool(test)


def test_small_work_passes_bulk_work() -> None:
    """While bulk work holds every thread that may take it, small work is done."""
    release = threading.Event()

    async def test(pool: WorkerPool) -> None:
        bulk = [asyncio.ensure_future(pool.run(release.wait, soon(), bulk=True)) for _ in range(6)]
        await asyncio.sleep(0.05)
        assert await pool.run(lambda: "small", soon()) == "small"
        assert not any(task.done() for task in bulk)
        release.set()
        await asyncio.gather(*bulk)

    with_pool(test, threads=3)


def test_one_thread_asked_for_becomes_two() -> None:
    """There is always one thread that takes bulk work and one that does not."""

    async def test(pool: WorkerPool) -> None:
        assert pool.threads == 2
        assert await pool.run(lambda: 1, soon(), bulk=True) == 1

    with_pool(test, threads=1)


def test_bulk_work_is_not_starved_by_small_work() -> None:
    """The oldest work comes first, so that bulk work has its turn under a constant stream of small work."""
    order: list[str] = []
    release = threading.Event()

    async def test(pool: WorkerPool) -> None:
        holding = [asyncio.ensure_future(pool.run(release.wait, soon())) for _ in range(2)]
        await asyncio.sleep(0.05)
        bulk = asyncio.ensure_future(pool.run(lambda: order.append("bulk"), soon(), bulk=True))
        await asyncio.sleep(0.01)
        small = [
            asyncio.ensure_future(pool.run(lambda: time.sleep(0.02) or order.append("small"), soon()))
            for _ in range(20)
        ]
        await asyncio.sleep(0.01)
        release.set()
        await asyncio.gather(*holding, bulk, *small)

    with_pool(test)
    assert order.index("bulk") <= 2


def refusal(pool: WorkerPool, bulk: bool = False) -> ProblemError:
    with pytest.raises(ProblemError) as raised, pool.admission(bulk):
        raise AssertionError("was admitted")
    return raised.value


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    """Places are those of the threads and of the queue; one that is left is free again."""

    async def test(pool: WorkerPool) -> None:
        places = [pool.admission() for _ in range(6)]
        for place in places:
            place.__enter__()
        error = refusal(pool)
        assert (error.kind.status, error.headers) == (503, {"Retry-After": "1"})
        assert error.detail == "every place in the queue is taken; try again in a second"
        places[0].__exit__(None, None, None)
        with pool.admission():
            assert refusal(pool).kind.slug == "busy"

    with_pool(test)


def test_bulk_requests_leave_half_of_the_places() -> None:
    """A crowd of batches never shuts small requests out."""

    async def test(pool: WorkerPool) -> None:
        places = [pool.admission(bulk=True) for _ in range(3)]
        for place in places:
            place.__enter__()
        assert refusal(pool, bulk=True).kind.slug == "busy"
        with pool.admission(), pool.admission(), pool.admission():
            assert refusal(pool).kind.slug == "busy"

    with_pool(test)


def test_late_work_is_a_503_and_what_had_not_begun_never_runs() -> None:
    """At the deadline the client is told; work that waits is dropped."""
    release = threading.Event()
    ran: list[str] = []

    async def test(pool: WorkerPool) -> None:
        holding = [asyncio.ensure_future(pool.run(release.wait, soon())) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(ProblemError) as raised:
            await pool.run(lambda: ran.append("late"), time.monotonic() + 0.05)
        assert (raised.value.kind.slug, raised.value.kind.status) == ("deadline", 503)
        assert raised.value.detail == "no answer within the configured request timeout; send fewer candles or try again"
        assert pool.waiting == 0
        release.set()
        await asyncio.gather(*holding)

    with_pool(test)
    assert ran == []


def test_a_timeout_of_the_work_itself_is_not_the_deadline() -> None:
    """A TimeoutError that the work raises is passed on as it is."""

    def fail() -> None:
        raise TimeoutError("of a socket")

    async def test(pool: WorkerPool) -> None:
        with pytest.raises(TimeoutError, match="of a socket"):
            await pool.run(fail, soon())

    with_pool(test)


def test_work_of_a_client_that_left_is_dropped() -> None:
    """Cancelling takes waiting work out of the queue."""
    release = threading.Event()
    ran: list[str] = []

    async def test(pool: WorkerPool) -> None:
        holding = [asyncio.ensure_future(pool.run(release.wait, soon())) for _ in range(2)]
        await asyncio.sleep(0.05)
        left = asyncio.ensure_future(pool.run(lambda: ran.append("left"), soon()))
        await asyncio.sleep(0.01)
        assert pool.waiting == 1
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert pool.waiting == 0
        release.set()
        await asyncio.gather(*holding)

    with_pool(test)
    assert ran == []


def test_a_full_service_answers_503_with_retry_after(start: Any, body: Any) -> None:
    """Of more requests than there are places some get 503 with Retry-After, and all others their answer."""
    client = start(queue=1, threads=2).client
    large = {**body, "candles": body["candles"]}
    found: list[Any] = []

    def send() -> None:
        for _ in range(10):
            found.append(client.post("/predict", large))

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in found} == {200, 503}
    for answer in found:
        if answer.status == 503:
            assert (answer.headers["retry-after"], answer.json["type"]) == ("1", "urn:candle-ml:problem:busy")


def test_a_request_that_takes_too_long_is_told(start: Any, project: Any, to_rows: Any) -> None:
    """At the deadline a prediction is a 503; in a batch the elements that are late fail and the others stand."""
    client = start(request_timeout=0.6).client
    request = {"pair": "AAPL", "timeframe": "1d", "candles": to_rows(project.candles)}
    found = client.post("/predict/batch", {"requests": [request] * 60})
    assert found.status in (200, 503)
    late = [result for result in found.json["results"] if "status" in result] if found.status == 200 else [found.json]
    assert late
    for problem in late:
        assert (problem["status"], problem["type"]) == (503, "urn:candle-ml:problem:deadline")


def test_health_answers_while_predictions_run(start: Any, project: Any, to_rows: Any) -> None:
    """A batch of many elements does not keep `/health` or a small prediction from its answer."""
    client = start(request_timeout=120.0).client
    request = {"pair": "AAPL", "timeframe": "1d", "candles": to_rows(project.candles)}
    batch: list[Any] = []
    thread = threading.Thread(target=lambda: batch.append(client.post("/predict/batch", {"requests": [request] * 40})))
    thread.start()
    between = 0
    small = {**request, "candles": request["candles"][-100:]}
    while thread.is_alive():
        assert client.get("/health").status == 200
        assert client.post("/predict", small).status == 200
        between += thread.is_alive()
    thread.join()
    assert between > 0
    assert len(batch[0].json["results"]) == 40
