"""One `POST /predict` of 500 candles, against the same features and prediction with no HTTP around them.

The floor is `Predictor.predict` on candles that are there as arrays already: features, windows, model and decoder of
the very model that the service has loaded. The request also parses and checks JSON, and writes it; what HTTP takes by
itself, server, framework, log line and counters, is what `/health` takes on the same connection. One connection
sends one request after the other; the service has one core and the client the other, and the floor runs on the
service's core while the service waits. Beside the latencies stands what the service's process takes of the processor
for a request, against what the floor takes of it, and which part of that its event loop takes: other programs on the
machine weigh little in these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from benchmarks.speed import load, servers
from benchmarks.speed.bench import Bench
from benchmarks.speed.project import ModelName, request_body
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.timing import by_turns, first_core, on_cores, ratio

NAME = "request"
_GOALS: dict[ModelName, Goal | None] = {"xgboost": Goal(1.15), "random-forest": None}
_FLOOR_TURNS = 40


def measure(bench: Bench) -> Iterator[Row]:
    """Each kind of model."""
    for model, goal in _GOALS.items():
        project = bench.project(model)
        body = bench.folder / "request.json"
        body.write_bytes(request_body(project.asked()))
        floor = partial(project.loaded.predictor.predict, project.asked())
        with servers.candle_ml(project, body) as server:
            plan = load.Plan(server.port, server.path, str(body), 1, bench.sizes.seconds)
            requests, floors, empty, taken, loop, least = [], [], [], [], [], []
            for _ in range(bench.sizes.repeats):
                before = server.processor_seconds()
                sent = load.loaded(plan)
                requests.append(sent.percentile(50) * 1000)
                both = np.subtract(server.processor_seconds(), before) / len(sent.latencies) * 1000
                taken.append(float(both[0]))
                loop.append(float(both[1]))
                empty.append(load.loaded(replace(plan, path="/health", body=None)).percentile(50) * 1000)
                floors.append(_floor(floor, time.perf_counter))
                least.append(_floor(floor, time.thread_time))
        what = f"/predict, 500 candles, {model}"
        yield ratio(NAME, f"{what}, p50 ÷ prediction without HTTP", requests, floors, "ms", goal)
        yield ratio(NAME, f"{what}, processor time ÷ prediction without HTTP", taken, least, "ms")
        yield ratio(NAME, f"{what}, processor time of the event loop ÷ of the service", loop, taken, "ms")
        yield ratio(NAME, f"/health p50 ÷ p50 of /predict, {model}", empty, requests, "ms")


def _floor(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Milliseconds on the service's core."""
    with on_cores(first_core()):
        return float(np.median(by_turns({"floor": work}, _FLOOR_TURNS, clock)["floor"])) * 1000
