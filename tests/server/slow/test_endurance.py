"""Hours of work in minutes: memory over many requests, and many swaps under a steady load."""

from __future__ import annotations

import gc
import http.client
import json
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

REQUESTS = int(os.environ.get("CANDLE_ML_ENDURANCE_REQUESTS", "200000"))
SWAPS = int(os.environ.get("CANDLE_ML_ENDURANCE_SWAPS", "100"))
MEGABYTE = 1 << 20


@dataclass
class Load:
    """Threads that send one request after the other on connections of their own."""

    port: int
    body: bytes
    threads: int
    pause: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    left: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, count: int) -> None:
        """Send this many requests, all answered when this returns."""
        self.left = count
        workers = [threading.Thread(target=self._work) for _ in range(self.threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _work(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while self._take():
            connection.request("POST", "/predict", self.body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
            with self.lock:
                self.statuses[str(response.status)] += 1
                self.versions[answer.get("model_version", "none")] += 1
            time.sleep(self.pause)
        connection.close()

    def _take(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0 and not self.stop.is_set()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_memory_does_not_grow_with_requests(serve_process: Any, body: Any) -> None:
    """After a warm-up, memory grows by less than 1 MB per 10,000 requests."""
    process, client = serve_process()
    load = Load(client.port, json.dumps(body).encode(), threads=2)
    service = psutil.Process(process.process.pid)
    load.send(max(2000, REQUESTS // 20))
    before = service.memory_info().rss
    sizes = [before]
    started = time.monotonic()
    for _ in range(20):
        load.send(REQUESTS // 20)
        sizes.append(service.memory_info().rss)
    seconds = time.monotonic() - started
    growth = (sizes[-1] - before) / MEGABYTE / (REQUESTS / 10_000)
    shown = [round(size / MEGABYTE, 1) for size in sizes]
    print(f"\n{REQUESTS} requests in {seconds:.0f} s, {REQUESTS / seconds:.0f} a second; resident MB: {shown}")
    print(f"growth: {growth:.3f} MB per 10,000 requests")
    assert set(load.statuses) == {"200"}
    assert growth < 1.0


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_swaps_under_a_steady_load_fail_no_request(serve_process: Any, project: Any, body: Any) -> None:
    """Every request of a steady stream is a 200 that names the version that made it; dropped models leave no memory."""
    process, client = serve_process()
    service = psutil.Process(process.process.pid)
    load = Load(client.port, json.dumps(body).encode(), threads=4, pause=0.02)
    sender = threading.Thread(target=load.send, args=(10_000_000,))
    sender.start()
    sizes: list[int] = []
    try:
        for number in range(SWAPS):
            wanted = 2 - number % 2
            if number % 10 == 9:
                project.registry.promote(wanted, "champion")
                assert client.post("/model/load", {"alias": "champion"}).status == 200
                client.wait_for_model(str(wanted), seconds=60)
            else:
                assert client.post("/model/load", {"version": wanted}).status == 200
            sizes.append(service.memory_info().rss)
    finally:
        project.registry.promote(1, "champion")
        load.stop.set()
        sender.join()
    gc.collect()
    shown = [round(size / MEGABYTE, 1) for size in sizes[:: max(1, SWAPS // 20)]]
    print(f"\n{SWAPS} swaps beside {sum(load.statuses.values())} requests {dict(load.versions)}; resident MB: {shown}")
    assert set(load.statuses) == {"200"}
    assert set(load.versions) == {"1", "2"}
