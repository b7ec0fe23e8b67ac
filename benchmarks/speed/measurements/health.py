"""How long `/health` takes while predictions run, against an idle service.

A balancer asks `/health` twenty times a second, from a connection of its own, first of an idle service, then while
four connections predict without a pause. All of the service runs on one core.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.speed import load, servers
from benchmarks.speed.bench import Bench
from benchmarks.speed.project import request_body
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.timing import ratio

NAME = "health"
_CONNECTIONS, _PAUSE = 4, 0.05


def measure(bench: Bench) -> Iterator[Row]:
    """Idle and busy by turns."""
    project = bench.project("xgboost")
    body = bench.folder / "request.json"
    body.write_bytes(request_body(project.asked()))
    busy, idle = [], []
    with servers.candle_ml(project, body) as server:
        asking = load.Plan(server.port, "/health", None, 1, bench.sizes.seconds, _PAUSE)
        predicting = load.Plan(server.port, server.path, str(body), _CONNECTIONS, bench.sizes.seconds + 1)
        for _ in range(bench.sizes.repeats):
            idle.append(load.loaded(asking).percentile(99) * 1000)
            with load.started(predicting) as beside:
                busy.append(load.loaded(asking).percentile(99) * 1000)
                load.ended(beside)
    yield ratio(NAME, "/health p99 while predicting ÷ idle", busy, idle, "ms", Goal(3))
