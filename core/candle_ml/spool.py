"""Finished runs that the tracking server does not have yet: one record file a run, in `.candle-ml/spool`.

A record is written before anything is uploaded. It bears the SHA-256 of its content, and has a copy in `copies` that is
used where it is damaged or gone. When all is uploaded it goes to `uploaded`, where it tells to which place until its
run is pruned. What it speaks of, the bundle and the files of the run, is in `.candle-ml/runs/<run>`.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args

from pydantic import ConfigDict, Field, ValidationError

from candle_ml.bundle import Frozen
from candle_ml.errors import CandleMLWarning, DataError, RegistryError
from candle_ml.lock_file import held
from candle_ml.unwritable import unwritable

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
    `tracking` is the address that the run was trained for, never with a password; an earlier version did not keep it.
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
    # Left out where it is None: a record is proven by its bytes, and those of an earlier version do not have it.
    tracking: str | None = Field(default=None, exclude_if=lambda address: address is None)

    @property
    def took(self) -> timedelta:
        """How long the run went."""
        return timedelta(milliseconds=self.ended_at - self.started_at)


class _Sealed(Frozen):
    model_config = ConfigDict(ser_json_inf_nan="constants")

    record: RunRecord
    sha256: str

    @classmethod
    def content(cls, record: RunRecord) -> bytes:
        """The file of a record."""
        digest = hashlib.sha256(record.model_dump_json().encode()).hexdigest()
        return cls(record=record, sha256=digest).model_dump_json(indent=1).encode()


@dataclass(frozen=True, slots=True)
class Spool:
    """The records of one project."""

    root: Path

    def folder(self, run_id: str) -> Path:
        """Where the bundle and the files of a run are."""
        return self.folders / run_id

    @property
    def folders(self) -> Path:
        """Where the folders of all runs are."""
        return self.root / ".candle-ml" / "runs"

    def run_ids(self) -> frozenset[str]:
        """The runs that are recorded here, also those of which only the copy is left."""
        return frozenset(path.stem for pattern in ("*.json", "copies/*.json") for path in self._records.glob(pattern))

    def record(self, run_id: str) -> RunRecord | None:
        """The record of one run, None where it is not here (any more).

        One that is damaged or gone is told by a `CandleMLWarning` where its copy is intact. Raises `DataError` where
        that is not.
        """
        path, copy = self._path(run_id), self._copy(run_id)
        record = _intact(path, run_id)
        if record is None and run_id in self.run_ids():
            found = "damaged or not readable" if path.exists() else "gone"
            record = _intact(copy, run_id)
            if record is None:
                expected = f"restore one from a backup, or give the run up: candle-ml runs sync --give-up {run_id}"
                raise DataError.at(str(path), f"{found}; its copy {copy} is damaged or not readable", expected)
            warnings.warn(f"{path}: {found}; the copy {copy} is used", CandleMLWarning, stacklevel=1)
        return record

    def write(self, record: RunRecord) -> None:
        """Write a record, whole or not at all, and then its copy. Raises `RegistryError` where the disk refuses."""
        _write(self._path(record.run_id), _Sealed.content(record))
        _write(self._copy(record.run_id), _Sealed.content(record))

    def finish(self, record: RunRecord) -> None:
        """Let a run wait no more that is on the server, and remember where. Raises `RegistryError` as `write` does."""
        _write(self._uploaded(record.run_id), _Sealed.content(record))
        self.remove(record.run_id)

    def uploaded(self, run_id: str) -> RunRecord | None:
        """The record of a run that was uploaded from here, None where there is none that is intact."""
        return _intact(self._uploaded(run_id), run_id) or _intact(self._pruned(run_id), run_id)

    def prune(self, run_id: str) -> None:
        """Note that what was uploaded of a run is being deleted; takes no room on the disk."""
        if self._uploaded(run_id).exists():
            self._uploaded(run_id).replace(self._pruned(run_id))

    def is_pruned(self, run_id: str) -> bool:
        """Whether what was uploaded of a run may be deleted in part."""
        return self._pruned(run_id).exists()

    def owns(self, run_id: str) -> bool:
        """Whether something of a run is here, or was uploaded from here."""
        places = (self.folder(run_id), self._path(run_id), self._copy(run_id), self._uploaded(run_id))
        return any(place.exists() for place in places)

    def forget(self, run_id: str) -> None:
        """Forget where a run was uploaded to."""
        self._uploaded(run_id).unlink(missing_ok=True)
        self._pruned(run_id).unlink(missing_ok=True)

    def remove(self, run_id: str) -> None:
        """Let a run wait no more."""
        self._copy(run_id).unlink(missing_ok=True)
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

    def _copy(self, run_id: str) -> Path:
        return self._records / "copies" / f"{run_id}.json"

    def _uploaded(self, run_id: str) -> Path:
        return self._records / "uploaded" / f"{run_id}.json"

    def _pruned(self, run_id: str) -> Path:
        return self._uploaded(run_id).with_suffix(".pruned")


def remedy(run_id: str) -> str:
    """What would do where a file of a run that waits is damaged or gone."""
    return f"restore it from a backup, or give the run up: candle-ml runs sync --give-up {run_id}"


def _intact(path: Path, run_id: str) -> RunRecord | None:
    """The record of a run in a file, whose bytes must be exactly those that were written; None where they are not."""
    try:
        content = path.read_bytes()
        record = _Sealed.model_validate_json(content).record
    except (OSError, ValidationError):
        return None
    return record if record.run_id == run_id and _Sealed.content(record) == content else None


def _write(path: Path, content: bytes) -> None:
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise RegistryError(unwritable(path, error)) from error
