"""A disk that fills up while a training writes what it has made."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_ml import pipeline
from candle_ml.cli import train
from candle_ml.state import StateStore

from .conftest import invoke


def test_the_place_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the run is named with what would do, and the run is failed for that reason."""

    def filling(what: str, done: int, total: int) -> None:
        if (what, done) == ("features", 0):
            with StateStore.open(project) as store:
                (run,) = store.runs()
            folder = project / ".candle-ml" / "runs" / run.run_id
            folder.mkdir(parents=True)
            (folder / "pipeline.yaml").symlink_to("/dev/full")

    monkeypatch.setattr(train, "run", lambda *config, **given: pipeline.run(*config, **given | {"progress": filling}))
    told = invoke("train")
    with StateStore.open(project) as store:
        (run,) = store.runs()
    folder = project / ".candle-ml" / "runs" / run.run_id
    left = f"{folder / 'bundle'}: the model was trained before that; candle-ml predict --bundle uses it"
    assert (told.exit_code, told.stderr) == (74, f"{folder}: the disk is full; free some space\n{left}\n")
    assert (run.status, run.error) == ("failed", f"OSError: [Errno 28] No space left on device: '{folder}'")
