"""What is measured, as a process of its own: `python -m benchmarks.scale.work FOLDER [KEY=VALUE ...]`.

It trains on the project in a folder and predicts all of its series, and prints the stage that it begins; at the end
what was made, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from candle_ml.backfill import Backfill, fill
from candle_ml.bundle import MANIFEST, file_digest
from candle_ml.config import load_config
from candle_ml.pipeline import run

READING, PREPARING, TRAINING, PREDICTING, END = "reading", "features and samples", "training", "prediction", "end"


@dataclass(frozen=True, slots=True)
class Made:
    """How many samples the model was fitted on, its hash, and the hash of the files of the predictions."""

    samples: int
    model: str
    predictions: str


def main(folder: Path, overrides: list[str]) -> None:
    """Print each stage as it begins, then what was made."""
    config = load_config(folder / "pipeline.yaml", overrides)
    _begin(READING)
    result = run(config, until="evaluate", progress=_told)
    assert result.prepared is not None
    assert result.model_hash is not None
    bundle, into = result.folder / "bundle", folder / "predictions"
    _begin(PREDICTING)
    filled = fill(Backfill(config, bundle, file_digest(bundle / MANIFEST), folder / "data" / "candles", into))
    if filled.error is not None:
        raise filled.error
    _begin(END)
    made = Made(len(result.prepared.split.train), result.model_hash, _digest(into))
    print(json.dumps(asdict(made)), flush=True)


def _begin(stage: str) -> None:
    print(stage, flush=True)


def _told(what: str, done: int, total: int) -> None:
    """Training begins where the features of the last series are there."""
    if what == "features" and done in (0, total):
        _begin(TRAINING if done == total else PREPARING)


def _digest(into: Path) -> str:
    """Over the bytes of all files, by series: their names also hold a digest of the bundle, that of the run."""
    digest = hashlib.sha256()
    for path in sorted(into.rglob("*.parquet")):
        digest.update(f"{path.parent.name} {path.name.split('.')[0]} {file_digest(path)}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
