"""Brings the stack up from the shipped files of the newest commit, on podman, and tries to break it.

Usage: stack_proof.py FOLDER CANDLE_ML. Needs what docs/containers.md lists; FOLDER keeps base images and layers.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import hardening
import images
import saving
import stand_ins
import surviving
from compose import Stack
from engine import Engine
from loop import CHART, Annotator, demo, until
from showing import show


def started(stack: Stack, annotator: Annotator) -> None:
    """Empty, with nothing but the images: `up` until every health check has passed."""
    show("`docker compose up --wait` on empty volumes", f"all four healthy after {stack.up():.0f} s")
    assert annotator.status("POST", "/api/predict", {"pair": "X", "timeframe": "1d", "candles": []}) in {422, 503}
    assert annotator.ask("GET", "/api/health")["inference"]["status"] == "not_ready"


def whole_loop(stack: Stack, annotator: Annotator, project: Path) -> None:
    """Annotate, train, predict, all through the annotator's port; the service takes the new version by itself."""
    marks = annotator.bring(project)
    began = time.monotonic()
    stack.candle_ml("train")
    trained = time.monotonic() - began
    waited = until(lambda: annotator.model_version() == "1", "version 1")
    made = json.loads(stack.inside("ml-service", "candle-ml", "trace", "champion", "--json"))
    assert sum(len(one["fitted"]) + len(one["others"]) for one in made["annotations"]) == marks
    answer = annotator.predict()
    labels = sorted({span["label"] for span in answer["spans"]})
    assert labels
    show("annotate", f"5 charts, {marks} marks through port {stack.ports['ANNOTATOR_PORT']}")
    show(
        "`docker compose run --rm ml-service candle-ml train`", f"{trained:.0f} s; served {waited:.1f} s after its end"
    )
    show(f"predict {CHART}", f"{len(answer['candles'])} candles, {len(answer['spans'])} spans: {', '.join(labels)}")


def next_version(stack: Stack, annotator: Annotator) -> None:
    """A correction, a second training, and the swap under requests of which none fails."""
    chart = annotator.chart()["id"]
    span = annotator.predict()["spans"][0]
    judged = {"label": span["label"], "confidence": span["avg_confidence"], "model_version": "1"}
    more = {"source": "model_confirmed", "model_prediction": judged}
    annotator.mark(chart, span["label"], span["start_time"], span["end_time"], **more)
    statuses: list[int] = []
    stopped = Event()
    asking = Thread(target=_ask, args=(annotator, stopped, statuses))
    asking.start()
    try:
        stack.candle_ml("train", "--set", "registry.promote=always")
        until(lambda: annotator.model_version() == "2", "version 2")
    finally:
        stopped.set()
        asking.join()
    assert set(statuses) == {200}, statuses
    show("confirmed, trained again, swapped", f"version 2 served; {len(statuses)} predictions meanwhile, none failed")


def _ask(annotator: Annotator, stopped: Event, statuses: list[int]) -> None:
    request = annotator.prediction_request()
    while not stopped.wait(0.5):
        statuses.append(annotator.status("POST", "/api/predict", request))


def tried(stack: Stack, project: Path) -> None:
    """Every proof, in an order in which each finds what it needs."""
    annotator = Annotator(stack.url("ANNOTATOR_PORT"))
    with hardening.no_secret_in_processes(stack, "the first start"):
        started(stack, annotator)
    whole_loop(stack, annotator, project)
    next_version(stack, annotator)
    hardening.processes(stack)
    hardening.listening(stack)
    hardening.strangers(stack)
    surviving.kills(stack, annotator)
    surviving.predictions_without_stores(stack, annotator)
    surviving.stopped(stack)
    surviving.killed_training(stack)
    surviving.trained_without_mlflow(stack, annotator)
    with hardening.no_secret_in_processes(stack, "backups and restores"):
        backups(stack, annotator)
    surviving.schema_upgrade(stack, annotator)
    hardening.unusable_password(stack)


def backups(stack: Stack, annotator: Annotator) -> None:
    """Everything that a backup and a restore promise."""
    saving.saved(stack)
    saving.refused(stack, annotator)
    saving.newer_annotations(stack, annotator)
    saving.leftovers(stack, annotator)
    saving.into_a_started_stack(stack, annotator)


def main(folder: Path, candle_ml: Path) -> None:
    """Prove everything, and leave no container behind."""
    engine = Engine.at(folder)
    stand_ins.make(engine, folder / "bases")
    stack = Stack.cloned(engine, stand_ins.compose_command(folder / "bases"))
    commit = stack.run("git", "log", "-1", "--format=%h")
    show("commit", f"{commit}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {stack.compose('version')}")
    with engine.serving():
        hardening.no_start_without_secrets(stack)
        stack.run("make", "env")
        images.build(stack)
        images.sizes(stack)
        images.nothing_to_build_with(stack)
        images.no_secret_in_layers(stack)
        images.no_secret_in_git(stack)
        try:
            tried(stack, demo(candle_ml, folder))
        except BaseException:
            print(stack.attempt(str(stack.compose_command), "logs", "--tail=40").stdout, file=sys.stderr)
            raise
        finally:
            stack.compose("down", "--volumes", "--remove-orphans")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).absolute())
