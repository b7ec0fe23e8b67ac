"""Whole requests, against the services that a user would run instead, with the same model and the same 500 candles.

- FastAPI: the service of an afternoon, `peers/fastapi_service.py`, with uvicorn.
- MLflow: `mlflow models serve` of the same functions as an MLflow model; and of the model that candle-ml has logged.
- BentoML: the same functions as a BentoML service with one worker.
- `on arrays`: the same with TA-Lib on NumPy arrays instead of the data frame's columns, as one writes it who has
  measured; that is half of what these peers otherwise do.

Every service has one process on one core, and the load comes from the other. All are started before anything is timed,
their answers must agree on every candle to 1e-6, and then loads of the services alternate. The peers compute what is
needed of them, the label and confidence of each candle; candle-ml also finds spans and what is provisional.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmarks.speed import load, servers
from benchmarks.speed.bench import Bench
from benchmarks.speed.load import Load
from benchmarks.speed.project import ModelName, frame_body, request_body
from benchmarks.speed.results import Goal, Row
from benchmarks.speed.servers import Server
from benchmarks.speed.timing import ratio

NAME = "services"
MANY = 16
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Peer:
    """A service to be compared with: how it starts, where its answer has its rows, and the goals at 1 and at 16."""

    name: str
    model: ModelName
    start: Callable[..., AbstractContextManager[Server]]
    rows: Callable[[Any], list[dict[str, Any]]]
    goals: dict[int, Goal]
    tail: Goal | None = None


def _at_least(*bounds: float) -> dict[int, Goal]:
    return {connections: Goal(bound, at_least=True) for connections, bound in zip((1, MANY), bounds, strict=True)}


def measure(bench: Bench) -> Iterator[Row]:
    """Each peer, at one connection and at 16."""
    peers = (
        Peer("FastAPI", "xgboost", servers.fastapi, _candles, _at_least(4, 5)),
        Peer("FastAPI", "random-forest", servers.fastapi, _candles, _at_least(2.5, 2.5)),
        Peer("mlflow models serve", "xgboost", _mlflow(bench), _predictions, _at_least(3.5, 3.5), Goal(0.25)),
        Peer("FastAPI on arrays", "xgboost", _on_arrays(servers.fastapi), _candles, {}),
        Peer("FastAPI on arrays", "random-forest", _on_arrays(servers.fastapi), _candles, {}),
        Peer("mlflow models serve on arrays", "xgboost", _on_arrays(_mlflow(bench)), _predictions, {}),
        Peer("mlflow models serve (candle-ml's model)", "xgboost", servers.mlflow_candle_ml, _predictions, {}),
        Peer("BentoML", "xgboost", servers.bentoml, _themselves, {}),
    )
    for peer in peers:
        yield from _against(peer, bench)


def _on_arrays(start: Callable[..., AbstractContextManager[Server]]) -> Callable[..., AbstractContextManager[Server]]:
    return partial(start, arrays=True)


def _mlflow(bench: Bench) -> Callable[..., AbstractContextManager[Server]]:
    return partial(servers.mlflow_models, folder=bench.folder)


def _against(peer: Peer, bench: Bench) -> Iterator[Row]:
    project = bench.project(peer.model)
    body, framed = bench.folder / "request.json", bench.folder / "frame.json"
    body.write_bytes(request_body(project.asked()))
    framed.write_bytes(frame_body(project.asked()))
    with ExitStack() as started:
        ours = started.enter_context(servers.candle_ml(project, body))
        theirs = started.enter_context(peer.start(project, framed if peer.rows is _predictions else body))
        check_same(_candles(ours.answer()), peer.rows(theirs.answer()), peer.name)
        for connections in (1, MANY):
            loads = [_by_turns(connections, ours, theirs, bench) for _ in range(bench.sizes.repeats)]
            yield from _rows(peer, connections, loads)


def _by_turns(connections: int, ours: Server, theirs: Server, bench: Bench) -> tuple[Load, Load]:
    one, other = (
        load.loaded(load.Plan(server.port, server.path, str(server.body), connections, bench.sizes.seconds))
        for server in (ours, theirs)
    )
    return one, other


def _rows(peer: Peer, connections: int, loads: list[tuple[Load, Load]]) -> Iterator[Row]:
    where = f"{peer.name}, {peer.model}, {connections} connection{'s' * (connections > 1)}"
    per_second = [[pair[side].per_second for pair in loads] for side in (0, 1)]
    yield ratio(NAME, f"requests/s against {where}", *per_second, "/s", peer.goals.get(connections))
    if connections == MANY:
        tails = [[pair[side].percentile(99) * 1000 for pair in loads] for side in (0, 1)]
        yield ratio(NAME, f"p99 against {where}", *tails, "ms", peer.tail)
        if peer.name == "FastAPI":
            middle = [pair[0].percentile(50) * 1000 for pair in loads]
            name = f"p99 ÷ p50 of /predict, {peer.model}, {connections} connections"
            row = ratio(NAME, name, tails[0], middle, "ms", Goal(1.25) if peer.model == "xgboost" else None)
            yield replace(row, name=name)


def check_same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], name: str) -> None:
    """Raises where the services do not say the same of the same candles."""
    known = {row["time"]: row for row in ours if row["confidence"] is not None}
    assert known, "candle-ml is confident of no candle"
    assert sorted(known) == [row["time"] for row in theirs], f"{name} answers for other candles"
    for row in theirs:
        own = known[row["time"]]
        same = own["label"] == row["label"] and abs(own["confidence"] - row["confidence"]) <= _TOLERANCE
        assert same, f"{name}: {row} instead of {own}"


def _candles(answer: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = answer["candles"]
    return rows


def _predictions(answer: Any) -> list[dict[str, Any]]:
    # pandas writes a label that is missing as NaN.
    return [row for row in answer["predictions"] if isinstance(row["label"], str)]


def _themselves(answer: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = answer
    return rows
