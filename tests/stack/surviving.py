"""What is still there after kills, stops and a change of schema."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread
from typing import Any

from compose import SERVICES, Stack
from loop import Annotator, until
from showing import show

TRAINING = "SELECT count(*) FROM training_runs WHERE status = 'running'"


@dataclass
class Marking:
    """Somebody who goes on marking; what was answered with 201 has to be there afterwards."""

    annotator: Annotator
    stored: set[int] = field(default_factory=set)
    refused: int = 0

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Mark the first candles again and again while the block runs."""
        chart = self.annotator.chart()["id"]
        candles = self.annotator.ask("GET", f"/api/candles?chartId={chart}")
        stopped = Event()
        thread = Thread(target=self._mark, args=(stopped, chart, candles[0]["time"], candles[4]["time"]))
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _mark(self, stopped: Event, chart: int, start: int, end: int) -> None:
        while not stopped.wait(0.1):
            try:
                self.stored.add(self.annotator.mark(chart, "custom", start, end))
            except Exception:
                self.refused += 1

    def has_begun(self) -> bool:
        """Whether some marks have been acknowledged."""
        return len(self.stored) >= 5

    def lost(self) -> set[int]:
        """What was acknowledged and is not there; all that is there is taken away again."""
        chart = self.annotator.chart()["id"]
        there = {one["id"] for one in self.annotator.ask("GET", f"/api/span-annotations?chartId={chart}")}
        self.annotator.ask("DELETE", f"/api/span-annotations?label=custom&chartId={chart}")
        return self.stored - there


def records(stack: Stack) -> Any:
    """What the databases and the registry know: every run, every version and what the served one was made of."""
    commands = (("runs", "list"), ("model", "list"), ("trace", "champion"))
    return [json.loads(stack.inside("ml-service", "candle-ml", *command, "--json")) for command in commands]


def everything(stack: Stack, annotator: Annotator) -> Any:
    """All that must not get lost."""
    return annotator.contents(), records(stack)


def kills(stack: Stack, annotator: Annotator) -> None:
    """SIGKILL to each container while somebody marks: it comes back by itself, and nothing is lost."""
    before = everything(stack, annotator)
    for service in SERVICES:
        marking = Marking(annotator)
        with marking.going_on():
            until(marking.has_begun, "marks")
            seconds = _killed(stack, annotator, service)
        assert marking.lost() == set()
        assert everything(stack, annotator) == before, service
        figures = f"{len(marking.stored)} marks acknowledged meanwhile, none lost; {marking.refused} refused"
        show(f"kill -9 of {service}", f"whole again after {seconds:.0f} s; {figures}")


def _killed(stack: Stack, annotator: Annotator, service: str) -> float:
    first, version = stack.inspect(service, "{{.State.Pid}}"), annotator.model_version()
    stack.kill(service)

    def whole() -> bool:
        again = stack.inspect(service, "{{.State.Pid}}") not in {first, "0"}
        return again and all(map(stack.healthy, SERVICES)) and served(annotator) == version

    return until(whole, service)


def served(annotator: Annotator) -> str | None:
    """The version that answers, if one does."""
    return annotator.model_version() if annotator.status("GET", "/api/model/info") == 200 else None


def predictions_without_stores(stack: Stack, annotator: Annotator) -> None:
    """While MLflow and PostgreSQL are down, the loaded model goes on predicting the same."""
    before = annotator.predicted()
    stack.compose("stop", "mlflow", "postgres")
    assert annotator.predicted() == before
    stack.up()
    show("predictions while MLflow and PostgreSQL are stopped", "the same")


def stopped(stack: Stack) -> None:
    """Every container gets the signal to end and does so by itself; Next tells of the signal by 143."""
    stack.compose("stop")
    codes = {service: stack.inspect(service, "{{.State.ExitCode}}") for service in SERVICES}
    assert codes.pop("candle-annotator") in {"0", "143"}
    assert set(codes.values()) == {"0"}, codes
    stack.up()
    show("docker compose stop", "all four end by themselves")


def killed_training(stack: Stack) -> None:
    """A training that is killed is told as interrupted, and the next one goes through."""
    started = stack.compose("run", "--detach", "ml-service", "candle-ml", "train").split()[-1]
    until(lambda: _count(stack, TRAINING) == 1, "the training's record")
    os.kill(int(stack.engine.podman("inspect", "--format", "{{.State.Pid}}", started)), signal.SIGKILL)
    status = partial(_status, stack)
    seconds = until(lambda: status() == "interrupted", "the run's status")
    stack.engine.podman("rm", started)
    stack.candle_ml("train")
    assert status() == "finished"
    show("kill -9 of a training", f"run interrupted, told after {seconds:.0f} s; the next training finished")


def _status(stack: Stack) -> str:
    runs = json.loads(stack.inside("ml-service", "candle-ml", "runs", "list", "--limit", "1", "--json"))
    return str(runs[0]["status"])


def _count(stack: Stack, query: str) -> int:
    command = ("psql", "--username=postgres", "--tuples-only", "--no-align", "--command", query, "candle_ml")
    return int(stack.inside("postgres", *command))


def trained_without_mlflow(stack: Stack, annotator: Annotator) -> None:
    """A training while MLflow is away is kept, and uploaded later."""
    versions = len(annotator.ask("GET", "/api/models")["models"])
    stack.compose("stop", "mlflow")
    train = ("run", "--rm", "--no-deps", "-T", "ml-service", "candle-ml", "train", "--set", "registry.promote=never")
    said = stack.compose(*train)
    assert "candle-ml runs sync" in said, said
    stack.up()
    stack.inside("ml-service", "candle-ml", "runs", "sync")
    assert len(annotator.ask("GET", "/api/models")["models"]) == versions + 1
    show("training while MLflow is stopped", "kept; `candle-ml runs sync` registers it later")


def schema_upgrade(stack: Stack, annotator: Annotator) -> None:
    """On filled databases of the schema before the newest one, `up` brings the newest and loses nothing."""
    before = everything(stack, annotator)
    stack.compose("stop", "candle-annotator", "ml-service")
    newest = _revision(stack)
    older = f"{int(newest) - 1:04}"
    stack.compose("run", "--rm", "-T", "--no-deps", "ml-service", "candle-ml", "db", "downgrade", "--yes", older)
    assert _revision(stack) == older
    stack.up()
    assert _revision(stack) == newest
    until(lambda: served(annotator) is not None, "the model")
    assert everything(stack, annotator) == before
    show("schema of the state store", f"{older} upgraded to {newest} by `up`, every run still there")


def _revision(stack: Stack) -> str:
    command = ("psql", "--username=postgres", "--tuples-only", "--no-align", "--command")
    return stack.inside("postgres", *command, "SELECT version_num FROM candle_ml_revision", "candle_ml")
