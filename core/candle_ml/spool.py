"""Finished runs that the tracking server does not have yet: one record file a run, in `.candle-ml/spool`.

A record is written before anything is uploaded and removed when all of it is. What it speaks of, the bundle and the
files of the run, is in `.candle-ml/runs/<run>`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import ConfigDict, ValidationError

from candle_ml.bundle import Frozen
from candle_ml.errors import DataError
from candle_ml.lock_file import held

Step = Literal[
    "record run",
    "open run",
    "log model",
    "log values",
    "log files",
    "close run",
    "register version",
    "move alias",
]
STEPS: tuple[Step, ...] = get_args(Step)
"""The steps from a trained model to a served one, in their order; progress names each as it begins."""

Rule = Literal["always", "better", "never"]

_PATIENCE_SECONDS = 600.0


class Registration(Frozen):
    """The model that a run becomes a version of, and when that version takes the alias."""

    model_name: str
    alias: str
    rule: Rule


class RunRecord(Frozen):
    """All that is to be logged of one finished run, and the steps of it that were done.

    `started_at` and `ended_at` are Unix milliseconds UTC. `start`, `end` (Unix seconds), `data_version` and `data_hash`
    say what it learned from. `digest` is that of the bundle's manifest. Without a registration the run is only logged.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")

    format: Literal[1] = 1
    run_id: str
    name: str
    experiment: str
    started_at: int
    ended_at: int
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    start: int | None
    end: int | None
    data_version: str | None
    data_hash: str
    digest: str
    registration: Registration | None
    done: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Spool:
    """The records of one project."""

    root: Path

    def folder(self, run_id: str) -> Path:
        """Where the bundle and the files of a run are."""
        return self.root / ".candle-ml" / "runs" / run_id

    def run_ids(self) -> frozenset[str]:
        """The runs that are recorded here."""
        return frozenset(path.stem for path in self._records.glob("*.json"))

    def records(self) -> tuple[RunRecord, ...]:
        """Every record, the oldest first. Raises `DataError` that names a damaged one."""
        found = [record for run_id in self.run_ids() if (record := self.record(run_id))]
        return tuple(sorted(found, key=lambda record: (record.ended_at, record.run_id)))

    def record(self, run_id: str) -> RunRecord | None:
        """The record of one run, None where it is not here (any more). Raises `DataError` where it is damaged."""
        path = self._path(run_id)
        try:
            return RunRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            expected = f"remove it; the files of that run are in {self.folder(run_id)}"
            raise DataError.at(str(path), "not the record of a run", expected) from error

    def write(self, record: RunRecord) -> None:
        """Write a record, whole or not at all."""
        path = self._path(record.run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as stream:
            stream.write(record.model_dump_json(indent=1).encode())
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)

    def remove(self, run_id: str) -> None:
        """Forget a run that is on the server."""
        self._path(run_id).unlink(missing_ok=True)

    @contextmanager
    def held(self, patience: float = _PATIENCE_SECONDS) -> Iterator[None]:
        """Upload, prune or move an alias alone: one process of a project at a time, and one that dies lets go.

        Raises `RegistryError` where another one has not ended after `patience` seconds, or the lock is damaged.
        """
        with held(self._records / "lock", patience):
            yield

    @property
    def _records(self) -> Path:
        return self.root / ".candle-ml" / "spool"

    def _path(self, run_id: str) -> Path:
        return self._records / f"{run_id}.json"
